package dev.sluice.engine.plan;

import dev.sluice.bindings.SealedFile;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;

/**
 * Timings in a file that the caller names: the bytes of TensorRT's own timing cache, so that other
 * tools read it, too. A file that is not what it should be is somebody's, and is left alone.
 *
 * <p>Thread safety: immutable; of builds at the same time the last one's timings stay.
 *
 * @param file absolute
 */
record TimingFile(Path file) implements Timings {
  @Override
  public Optional<MemorySegment> find(PlanTarget target, Arena arena) throws IOException {
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try (FileChannel in = FileChannel.open(file, StandardOpenOption.READ)) {
      return in.size() == 0
          ? Optional.empty()
          : Optional.of(in.map(FileChannel.MapMode.READ_ONLY, 0, in.size(), arena));
    }
  }

  @Override
  public void keep(PlanTarget target, MemorySegment timings) throws IOException {
    SealedFile.replace(file, List.of(timings));
  }

  @Override
  public void refused(PlanTarget target) throws PlanException {
    throw new PlanException(
        file
            + ": TensorRT does not take these timings for "
            + target
            + "; they are of another version or device, or damaged: name another file, or remove"
            + " this one");
  }
}
