package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Asks the CUDA driver what it is and which devices it has. Never throws for anything that a
 * machine may lack; the answer is data.
 *
 * <p>Thread safety: any thread may call. The calling thread's CUDA context is restored.
 */
public final class DriverProbe {
  /** The oldest CUDA version that a driver has to offer: TensorRT 11 is built on CUDA 13. */
  public static final int NEEDED_CUDA_VERSION = 13_000;

  /** The driver release that first offered {@link #NEEDED_CUDA_VERSION}. */
  static final String NEEDED_DRIVER = "the NVIDIA driver 580 or newer";

  private static final Path KERNEL_MODULE = Path.of("/proc/driver/nvidia/version");
  private static final Pattern FILE_RELEASE = Pattern.compile("libcuda\\.so\\.(\\d{2,}\\.[\\d.]+)");
  private static final Pattern KERNEL_RELEASE =
      Pattern.compile("(?m)^NVRM version:.*?\\s(\\d{3,}\\.\\d[\\d.]*)\\s");
  private static final int NAME_BYTES = 256;

  private DriverProbe() {}

  /** Looks for the driver of this machine and asks it. */
  public static DriverReport probe() {
    return probe(CudaDriverLoader.load());
  }

  /** Asks a driver that was looked for already. */
  public static DriverReport probe(CudaDriverLoader.Result loaded) {
    String kernelText;
    try {
      kernelText = Files.readString(KERNEL_MODULE);
    } catch (IOException e) {
      // No NVIDIA kernel module is loaded, or this container does not show it.
      kernelText = "";
    }
    return probe(loaded, kernelText);
  }

  /**
   * Asks a driver.
   *
   * @param loaded the outcome of the search
   * @param kernelText what the kernel module says of itself, empty where there is none
   */
  static DriverReport probe(CudaDriverLoader.Result loaded, String kernelText) {
    Matcher kernel = KERNEL_RELEASE.matcher(kernelText);
    Answer answer =
        new Answer(loaded, kernel.find() ? Optional.of(kernel.group(1)) : Optional.empty());
    return loaded.api().isEmpty() ? answer.noDriver() : answer.ask(loaded.api().get());
  }

  /** The release in the name of the file that {@code libcuda.so.1} links to. */
  private static Optional<String> release(Path library) {
    try {
      Matcher name = FILE_RELEASE.matcher(library.toRealPath().getFileName().toString());
      return name.matches() ? Optional.of(name.group(1)) : Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** One run of the probe. */
  private static final class Answer {
    private final CudaDriverLoader.Result loaded;
    private final Optional<String> release;
    private final Optional<String> kernelRelease;
    private int cudaVersion;

    Answer(CudaDriverLoader.Result loaded, Optional<String> kernelRelease) {
      this.loaded = loaded;
      this.release = loaded.library().flatMap(DriverProbe::release);
      this.kernelRelease = kernelRelease;
    }

    DriverReport noDriver() {
      String remedy =
          kernelRelease.isPresent()
              ? "the kernel module "
                  + kernelRelease.get()
                  + " is loaded, only its library is not here: start the container with the NVIDIA"
                  + " container toolkit (--gpus all, NVIDIA_DRIVER_CAPABILITIES=compute,utility),"
                  + " or put the library's folder on LD_LIBRARY_PATH"
              : "install "
                  + NEEDED_DRIVER
                  + "; in a container start it with the NVIDIA container toolkit (--gpus all)";
      return report(
          DriverReport.Status.NO_DRIVER,
          List.of(),
          "no CUDA driver: " + CudaDriverLoader.LIBRARY + " was not found or does not load",
          remedy);
    }

    DriverReport ask(CudaApi api) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment out = arena.allocate(JAVA_INT);
        CudaStatus.check(api, api.cuDriverGetVersion(out), "cuDriverGetVersion", "");
        cudaVersion = out.get(JAVA_INT, 0);
        if (cudaVersion < NEEDED_CUDA_VERSION) {
          return tooOld();
        }
        if (!loaded.missingSymbols().isEmpty()) {
          return incomplete();
        }
        CudaStatus.check(api, api.cuInit(0), "cuInit", "0");
        CudaStatus.check(api, api.cuDeviceGetCount(out), "cuDeviceGetCount", "");
        List<CudaDevice> devices = new ArrayList<>();
        for (int ordinal = 0; ordinal < out.get(JAVA_INT, 0); ordinal++) {
          devices.add(device(api, ordinal));
        }
        return judge(devices);
      } catch (NativeException e) {
        return failed(e);
      }
    }

    private DriverReport judge(List<CudaDevice> devices) {
      if (devices.isEmpty()) {
        return report(
            DriverReport.Status.NO_DEVICE,
            devices,
            "the driver works but shows no device",
            CudaStatus.NO_DEVICE.remedy());
      }
      if (devices.stream().noneMatch(CudaDevice::usable)) {
        CudaDevice first = devices.getFirst();
        return report(
            DriverReport.Status.NO_USABLE_DEVICE,
            devices,
            "no device can be used: device " + first.ordinal() + ": " + first.note(),
            first.remedy());
      }
      return report(DriverReport.Status.READY, devices, "", "");
    }

    private DriverReport tooOld() {
      return report(
          DriverReport.Status.TOO_OLD,
          List.of(),
          "the driver"
              + release.map(r -> " " + r).orElse("")
              + " offers CUDA "
              + DriverReport.cudaVersionText(cudaVersion)
              + ", but CUDA "
              + DriverReport.cudaVersionText(NEEDED_CUDA_VERSION)
              + " is needed",
          "install " + NEEDED_DRIVER);
    }

    private DriverReport incomplete() {
      return report(
          DriverReport.Status.INCOMPLETE,
          List.of(),
          "the library of the driver lacks " + String.join(", ", loaded.missingSymbols()),
          "it is no complete CUDA driver: install " + NEEDED_DRIVER);
    }

    private DriverReport failed(NativeException e) {
      boolean mismatch = e.statusCode() == 803 && release.isPresent() && kernelRelease.isPresent();
      return report(
          e.statusCode() == 100 ? DriverReport.Status.NO_DEVICE : DriverReport.Status.FAILED,
          List.of(),
          e.function()
              + "("
              + e.arguments()
              + ") failed with "
              + e.statusName()
              + " ("
              + e.statusCode()
              + ")"
              + (mismatch
                  ? ": library " + release.get() + ", kernel module " + kernelRelease.get()
                  : ""),
          e.remedy());
    }

    private DriverReport report(
        DriverReport.Status status, List<CudaDevice> devices, String missing, String remedy) {
      return new DriverReport(
          status,
          loaded.library(),
          release,
          kernelRelease,
          cudaVersion,
          devices,
          loaded.tried(),
          missing,
          remedy);
    }
  }

  private static CudaDevice device(CudaApi api, int ordinal) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      CudaStatus.check(api, api.cuDeviceGet(out, ordinal), "cuDeviceGet", "ordinal " + ordinal);
      int device = out.get(JAVA_INT, 0);
      MemorySegment name = arena.allocate(NAME_BYTES);
      CudaStatus.check(
          api,
          api.cuDeviceGetName(name, NAME_BYTES, device),
          "cuDeviceGetName",
          "device " + device);
      CudaStatus.check(
          api, api.cuDeviceTotalMem_v2(out, device), "cuDeviceTotalMem_v2", "device " + device);
      long totalBytes = out.get(JAVA_LONG, 0);
      long freeBytes = -1;
      String note = "";
      String remedy = "";
      try {
        freeBytes = freeBytes(api, device);
      } catch (NativeException e) {
        // A device without room for one more context is still worth naming.
        note = e.failure();
        remedy = e.remedy();
      }
      return new CudaDevice(
          ordinal,
          name.getString(0),
          attribute(api, CudaConstants.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device),
          attribute(api, CudaConstants.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device),
          attribute(api, CudaConstants.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device),
          totalBytes,
          freeBytes,
          note,
          remedy);
    }
  }

  private static int attribute(CudaApi api, int attribute, int device) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_INT);
      CudaStatus.check(
          api,
          api.cuDeviceGetAttribute(out, attribute, device),
          "cuDeviceGetAttribute",
          "attribute " + attribute + ", device " + device);
      return out.get(JAVA_INT, 0);
    }
  }

  private static long freeBytes(CudaApi api, int device) {
    try (Arena arena = Arena.ofConfined();
        PrimaryContext _ = PrimaryContext.enter(api, device)) {
      MemorySegment free = arena.allocate(JAVA_LONG);
      MemorySegment total = arena.allocate(JAVA_LONG);
      CudaStatus.check(api, api.cuMemGetInfo_v2(free, total), "cuMemGetInfo_v2", "");
      return free.get(JAVA_LONG, 0);
    }
  }
}
