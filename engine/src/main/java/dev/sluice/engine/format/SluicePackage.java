package dev.sluice.engine.format;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import dev.sluice.engine.npy.Npy;
import dev.sluice.engine.npy.NpyArray;
import dev.sluice.engine.npy.NpyException;
import dev.sluice.engine.stage.InputStage;
import dev.sluice.engine.stage.Stage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Map;

/**
 * An open package, mapped read-only. Its segments are valid until {@link #close}; whoever uses them
 * in native code must be done by then.
 *
 * <p>Thread safety: every method but {@link #close} may be called by any thread; {@link #close}
 * throws {@link IllegalStateException} while another thread reads, and succeeds when called again.
 */
public final class SluicePackage implements AutoCloseable {
  private final Path file;
  private final Object fileKey;
  private final Arena arena;
  private final MemorySegment bytes;
  private final Manifest manifest;
  private final Map<String, ZipLayout.Located> located;
  private final String seal;

  SluicePackage(
      Path file,
      Object fileKey,
      Arena arena,
      MemorySegment bytes,
      Manifest manifest,
      Map<String, ZipLayout.Located> located,
      String seal) {
    this.file = file;
    this.fileKey = fileKey;
    this.arena = arena;
    this.bytes = bytes;
    this.manifest = manifest;
    this.located = located;
    this.seal = seal;
  }

  /** The file itself, absolute, links resolved. */
  public Path file() {
    return file;
  }

  /**
   * What the file system calls the mapped file ({@code BasicFileAttributes.fileKey}): whoever opens
   * {@link #file} by name again sees by it whether another file has taken the name since. Null
   * where the file system has no such key.
   */
  public Object fileKey() {
    return fileKey;
  }

  /** What the package says about itself. */
  public Manifest manifest() {
    return manifest;
  }

  /** The whole file; offsets of external data count from its start. */
  public MemorySegment bytes() {
    return bytes;
  }

  /**
   * The data of an entry.
   *
   * @throws IllegalArgumentException when there is none of this name
   */
  public MemorySegment entry(String name) {
    ZipLayout.Located entry = located.get(name);
    if (entry == null) {
      throw new IllegalArgumentException(
          file + ": has no entry '" + name + "'; the entries are " + located.keySet());
    }
    return bytes.asSlice(entry.dataOffset(), entry.sizeBytes());
  }

  /**
   * An input of a golden sample. Of images of sizes of their own a package stores no more than the
   * largest needs; here their rows have the length that callers give, zeros at the end.
   *
   * @param input name of an input of the sample
   * @throws NpyException where the entry is no array
   */
  public NpyArray goldenInput(Manifest.GoldenSample sample, String input) throws NpyException {
    String entry = sample.inputs().get(input);
    NpyArray stored = Npy.read(entry(entry), file + ", entry '" + entry + "'");
    for (Stage stage : manifest.stages()) {
      if (stage instanceof InputStage images
          && images.tensor().equals(input)
          && images.anySize()
          && stored.shape().rank() == 2) {
        return padded(stored, images.capacityBytes());
      }
    }
    return stored;
  }

  private static NpyArray padded(NpyArray stored, int rowBytes) {
    long storedBytes = stored.shape().dim(1);
    if (stored.type() != ElementType.UINT8
        || storedBytes >= rowBytes
        || stored.shape().dim(0) > Integer.MAX_VALUE / rowBytes) {
      return stored;
    }
    int rows = (int) stored.shape().dim(0);
    MemorySegment whole = MemorySegment.ofArray(new byte[rows * rowBytes]);
    for (int row = 0; row < rows; row++) {
      MemorySegment.copy(
          stored.data(), row * storedBytes, whole, (long) row * rowBytes, storedBytes);
    }
    return new NpyArray(stored.type(), Shape.of(rows, rowBytes), whole);
  }

  /** The shared weights: {@code weights.bin}. */
  public MemorySegment weights() {
    return entry(ZipLayout.WEIGHTS);
  }

  /**
   * The ONNX model of a backend.
   *
   * @param backend {@link Manifest#CPU} or {@link Manifest#TENSORRT}
   * @throws IllegalArgumentException when the package has no graph for it
   */
  public MemorySegment graph(String backend) {
    Manifest.Graph graph = manifest.graphs().get(backend);
    if (graph == null) {
      throw new IllegalArgumentException(
          file + ": has no graph for '" + backend + "', only for " + manifest.graphs().keySet());
    }
    return entry(graph.entry());
  }

  /**
   * Whether the file still has the name that the graphs give for their weights; where not, the
   * weights must be handed over from memory.
   */
  public boolean weightsByName() {
    return file.endsWith(manifest.weights().location());
  }

  /**
   * SHA-256 over all that identifies the content, 64 hexadecimal digits: two packages with the same
   * hash are the same, byte for byte, once both are verified.
   */
  public String packageHash() {
    return seal;
  }

  /**
   * Reads every entry and compares it with its SHA-256 in the manifest. With what opening has
   * checked, every bit of the file is covered. Takes about a second per gigabyte; meant to run on
   * one thread while another makes the session, which is discarded when this throws.
   *
   * @throws PackageException naming the first entry that differs
   */
  public void verify() throws PackageException {
    try {
      for (ZipLayout.Located entry : located.values()) {
        MessageDigest digest = Seal.sha256();
        Seal.update(digest, bytes.asSlice(entry.dataOffset(), entry.sizeBytes()));
        if (!Seal.hex(digest).equals(manifest.entries().get(entry.name()).sha256())) {
          throw PackageException.at(
              file,
              entry.dataOffset(),
              "entry '"
                  + entry.name()
                  + "' ("
                  + entry.sizeBytes()
                  + " bytes) does not match its SHA-256 in the manifest; copy the package again or"
                  + " build it again");
        }
      }
    } catch (InternalError e) {
      throw new PackageException(
          file + ": was truncated while it was read; packages are replaced by rename only", e);
    }
  }

  /** Unmaps the file. */
  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
