package dev.sluice.bindings.cuda;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What this machine has and lacks for inference on a GPU.
 *
 * <p>Thread safety: immutable.
 *
 * @param driver what the driver answered
 * @param libraries each library that is needed beside the driver
 * @param builderResources TensorRT's builder resources, one of which building a plan needs
 */
public record GpuReport(
    DriverReport driver,
    List<LibraryFinding> libraries,
    List<LibrarySearch.Found> builderResources) {
  private static final String BUILDER_RESOURCE = "libnvinfer_builder_resource";

  /** A product: its libraries and how it is installed. */
  private record Product(String name, List<String> libraries, String installation) {}

  /** The names are those that the JavaCPP presets of TensorRT 11.2 and CUDA 13.3 link. */
  private static final List<Product> PRODUCTS =
      List.of(
          new Product(
              "CUDA runtime 13",
              List.of("libcudart.so.13"),
              "install the package cuda-cudart-13-0 (or a newer 13) or pip's nvidia-cuda-runtime"),
          new Product(
              "cuBLAS 13",
              List.of("libcublas.so.13", "libcublasLt.so.13"),
              "install the package libcublas-13-0 (or a newer 13) or pip's nvidia-cublas"),
          new Product(
              "NVRTC 13",
              List.of("libnvrtc.so.13", "libnvrtc-builtins.so.13*"),
              "install the package cuda-nvrtc-13-0 (or a newer 13) or pip's nvidia-cuda-nvrtc"),
          new Product(
              "cuDNN 9",
              List.of(
                  "libcudnn_graph.so.9",
                  "libcudnn_ops.so.9",
                  "libcudnn_cnn.so.9",
                  "libcudnn_adv.so.9"),
              "install the package libcudnn9-cuda-13 or pip's nvidia-cudnn-cu13"),
          new Product(
              "TensorRT 11",
              List.of("libnvinfer.so.11", "libnvinfer_plugin.so.11", "libnvonnxparser.so.11"),
              "install TensorRT 11.2, or unpack the libraries of"
                  + " org.bytedeco:tensorrt:linux-x86_64-redist"));

  /** Copies the lists. */
  public GpuReport {
    libraries = List.copyOf(libraries);
    builderResources = List.copyOf(builderResources);
  }

  /** Asks the driver and searches the libraries of this machine. */
  public static GpuReport ofMachine() {
    return of(DriverProbe.probe(), LibrarySearch.ofMachine());
  }

  /** Searches the libraries. */
  public static GpuReport of(DriverReport driver, LibrarySearch search) {
    List<LibraryFinding> libraries = new ArrayList<>();
    for (Product product : PRODUCTS) {
      for (String name : product.libraries()) {
        Optional<LibrarySearch.Found> found = search.find(name);
        libraries.add(
            new LibraryFinding(name, product.name(), found, remedy(found, product.installation())));
      }
    }
    return new GpuReport(driver, libraries, search.findAll(BUILDER_RESOURCE + "*.so*"));
  }

  private static String remedy(Optional<LibrarySearch.Found> found, String installation) {
    if (found.isEmpty()) {
      return installation;
    }
    LibrarySearch.Source source = found.get().source();
    if (source.seenByLoader()) {
      return "";
    }
    return (source == LibrarySearch.Source.JAVACPP_CACHE
            ? "start Java with the jars of org.bytedeco that JavaCPP unpacked on the class path, or"
                + " add "
            : "add ")
        + found.get().file().getParent()
        + " to LD_LIBRARY_PATH before Java starts";
  }

  private static String problem(LibraryFinding library) {
    if (library.found().isEmpty()) {
      return "was not found";
    }
    return library.found().get().source() == LibrarySearch.Source.JAVACPP_CACHE
        ? "is in JavaCPP's cache, where only JavaCPP looks, and only for the jar that it came from"
        : "is there, but not where the loader looks";
  }

  /** Whether the driver is ready and every library is where the system's loader finds it. */
  public boolean ok() {
    return driver.ready() && libraries.stream().allMatch(LibraryFinding::ok);
  }

  /**
   * What is missing, one sentence each, the driver first. Where {@link #ok} it names only devices
   * that can't be used beside one that can.
   */
  public List<String> missing() {
    List<String> missing = new ArrayList<>();
    if (!driver.ready()) {
      missing.add(driver.missing());
    }
    unusable()
        .forEach(device ->
            missing.add("device " + device.ordinal() + " can't be used: " + device.note()));
    for (LibraryFinding library : libraries) {
      if (!library.ok()) {
        missing.add(library.name() + " (" + library.purpose() + ") " + problem(library));
      }
    }
    return missing;
  }

  /** What to do about {@link #missing}, each remedy once, in the same order. */
  public List<String> remedies() {
    Set<String> remedies = new LinkedHashSet<>();
    if (!driver.ready()) {
      remedies.add(driver.remedy());
    }
    unusable().forEach(device -> remedies.add(device.remedy()));
    libraries.stream()
        .filter(library -> !library.ok())
        .map(LibraryFinding::remedy)
        .forEach(remedies::add);
    return List.copyOf(remedies);
  }

  /** Devices that can't be used beside one that can. */
  private List<CudaDevice> unusable() {
    return driver.ready()
        ? driver.devices().stream().filter(device -> !device.usable()).toList()
        : List.of();
  }
}
