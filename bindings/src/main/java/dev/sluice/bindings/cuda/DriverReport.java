package dev.sluice.bindings.cuda;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What the search for a CUDA driver found.
 *
 * <p>Thread safety: immutable.
 *
 * @param status the verdict
 * @param library the driver's library, where one was loaded
 * @param release the driver's release from that file's name, as in {@code 580.95.05}
 * @param kernelRelease the release of the loaded kernel module
 * @param cudaVersion the newest CUDA that the driver offers, major * 1000 + minor * 10; 0 unknown
 * @param devices the devices that this process sees
 * @param tried where a library was looked for and what came of it
 * @param missing what is wrong, in one sentence; empty where nothing is
 * @param remedy what to do about it; empty where nothing is wrong
 */
public record DriverReport(
    Status status,
    Optional<Path> library,
    Optional<String> release,
    Optional<String> kernelRelease,
    int cudaVersion,
    List<CudaDevice> devices,
    List<Tried> tried,
    String missing,
    String remedy) {
  /** The verdict on a driver. */
  public enum Status {
    /** A driver that is new enough and at least one device that can be used. */
    READY,
    /** No library was found, or none that loads. */
    NO_DRIVER,
    /** The library lacks functions though its version should have them. */
    INCOMPLETE,
    /** The driver works but offers an older CUDA than is needed. */
    TOO_OLD,
    /** The driver refused to start or to answer. */
    FAILED,
    /** The driver works but shows no device. */
    NO_DEVICE,
    /** The driver works, but each of its devices is full, taken or prohibited. */
    NO_USABLE_DEVICE
  }

  /**
   * One place that was looked at.
   *
   * @param place a file, or a name given to the system's loader
   * @param outcome what came of it
   */
  public record Tried(String place, String outcome) {}

  /** Copies the lists. */
  public DriverReport {
    devices = List.copyOf(devices);
    tried = List.copyOf(tried);
  }

  /** Whether a GPU can be used. */
  public boolean ready() {
    return status == Status.READY;
  }

  /** A CUDA version in words: {@code 13.0} for 13000. */
  public static String cudaVersionText(int cudaVersion) {
    return cudaVersion / 1000 + "." + cudaVersion % 1000 / 10;
  }
}
