package dev.sluice.converter.onnx;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;

/**
 * What tells that a file is another one, or was written to, since it was looked at.
 *
 * <p>Thread safety: immutable.
 *
 * @param sizeBytes its size
 * @param modified when it was written to last
 * @param key what the file system calls it; null where that has no such thing
 */
record FileState(long sizeBytes, FileTime modified, Object key) {
  static FileState of(Path file) throws IOException {
    BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
    return new FileState(attributes.size(), attributes.lastModifiedTime(), attributes.fileKey());
  }

  /**
   * Throws where a file is no more what it was.
   *
   * @param model for messages
   * @param cause what became of reading it; null where that went well
   */
  void check(Path file, Path model, Throwable cause) throws ModelException {
    FileState now = null;
    IOException gone = null;
    try {
      now = of(file);
    } catch (IOException e) {
      gone = e;
    }
    if (!equals(now)) {
      throw new ModelException(
          model,
          (file.equals(model) ? "the file" : "'" + file.getFileName() + "'")
              + (gone == null ? " was changed" : " went away")
              + " while it was read; try again when nothing writes to it",
          cause == null ? gone : cause);
    }
  }
}
