package dev.sluice.bindings.tensorrt;

import dev.sluice.bindings.cuda.CudaDriverLoader;
import dev.sluice.bindings.cuda.DriverProbe;
import dev.sluice.bindings.cuda.GpuReport;
import dev.sluice.bindings.cuda.LibrarySearch;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Finds and loads TensorRT: asks the driver first, and touches a class of JavaCPP only after it has
 * answered. What a machine lacks is data.
 *
 * <p>Thread safety: any thread may call.
 */
public final class TensorRtLoader {
  private static final String PRESETS = "org.bytedeco.tensorrt.global.nvinfer";

  /** TensorRT's releases of one major number answer to the same tables and constants. */
  private static final int MAJOR = 10_000;

  private TensorRtLoader() {}

  /**
   * The outcome.
   *
   * <p>Thread safety: immutable.
   *
   * @param api TensorRT, where it was loaded
   * @param report what the machine has and lacks
   * @param missing what keeps TensorRT from loading, one sentence each; empty where it was loaded
   * @param remedies what to do about that
   */
  public record Result(
      Optional<TensorRtApi> api, GpuReport report, List<String> missing, List<String> remedies) {
    /** Copies the lists. */
    public Result {
      missing = List.copyOf(missing);
      remedies = List.copyOf(remedies);
    }
  }

  /** Looks for this machine's driver, asks it, and loads TensorRT. */
  public static Result load() {
    return load(CudaDriverLoader.load());
  }

  /** Asks a driver that was looked for already, and loads TensorRT. */
  public static Result load(CudaDriverLoader.Result driver) {
    return load(GpuReport.of(DriverProbe.probe(driver), LibrarySearch.ofMachine()));
  }

  /** Loads TensorRT on a machine that was asked already. */
  public static Result load(GpuReport report) {
    if (!report.driver().ready()) {
      return refused(report, report.missing(), report.remedies());
    }
    try {
      findPresets();
      return new Result(Optional.of(loadPresets(report)), report, List.of(), List.of());
    } catch (NotLoaded e) {
      return refused(report, e.missing, e.remedies);
    }
  }

  private static Result refused(GpuReport report, List<String> missing, List<String> remedies) {
    return new Result(Optional.empty(), report, missing, remedies);
  }

  /** Looks for the presets without initialising them, which would load their libraries. */
  static void findPresets() throws NotLoaded {
    ClassLoader loader = TensorRtLoader.class.getClassLoader();
    // Where this is a named module the presets are on the class path: see package-info.
    TensorRtLoader.class.getModule().addReads(loader.getUnnamedModule());
    try {
      Class.forName(PRESETS, false, loader);
    } catch (ClassNotFoundException | LinkageError e) {
      throw new NotLoaded(
          List.of(PRESETS + " is not on the class path"),
          List.of(
              "add org.bytedeco:tensorrt, org.bytedeco:cuda and org.bytedeco:javacpp, each with"
                  + " its jar for this platform"));
    }
  }

  /** Loads the presets' libraries; only after the driver has answered. */
  static TensorRtApi loadPresets(GpuReport report) throws NotLoaded {
    JavaCppTensorRt api;
    try {
      api = new JavaCppTensorRt();
    } catch (LinkageError e) {
      throw notLinked(e, report);
    }
    if (api.getInferLibVersion() / MAJOR != api.presetsVersion() / MAJOR) {
      throw new NotLoaded(
          List.of(
              "libnvinfer is TensorRT "
                  + versionText(api.getInferLibVersion())
                  + ", but the presets are made for "
                  + versionText(api.presetsVersion())),
          List.of("put libraries of the presets' release on LD_LIBRARY_PATH"));
    }
    return api;
  }

  private static NotLoaded notLinked(LinkageError error, GpuReport report) {
    StringBuilder reason =
        new StringBuilder("the presets do not load: ").append(error.getMessage());
    // JavaCPP's own reason stands at the end of the chain.
    for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) {
      reason.append("; caused by ").append(cause.getMessage());
    }
    List<String> missing = new ArrayList<>(List.of(reason.toString()));
    missing.addAll(report.missing());
    List<String> remedies =
        new ArrayList<>(
            List.of(
                "put the presets' jars for this platform on the class path (tensorrt, cuda and"
                    + " javacpp)"));
    remedies.addAll(report.remedies());
    return new NotLoaded(missing, remedies);
  }

  /** A release in words: {@code 11.2.0} for 110200. */
  public static String versionText(int version) {
    return version / MAJOR + "." + version / 100 % 100 + "." + version % 100;
  }

  /**
   * TensorRT does not load, and why.
   *
   * <p>Thread safety: immutable, but for what every exception lets change.
   */
  static final class NotLoaded extends Exception {
    private static final long serialVersionUID = 1L;

    private final transient List<String> missing;
    private final transient List<String> remedies;

    NotLoaded(List<String> missing, List<String> remedies) {
      super(String.join("\n", missing) + "\n" + String.join("\n", remedies));
      this.missing = missing;
      this.remedies = remedies;
    }
  }
}
