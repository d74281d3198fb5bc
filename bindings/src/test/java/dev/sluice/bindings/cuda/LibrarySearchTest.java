package dev.sluice.bindings.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LibrarySearchTest {
  private static final DriverReport READY =
      new DriverReport(
          DriverReport.Status.READY,
          Optional.empty(),
          Optional.empty(),
          Optional.empty(),
          13_000,
          List.of(),
          List.of(),
          "",
          "");

  @TempDir private Path root;

  private Path file(String name) throws IOException {
    Path file = root.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, "");
  }

  private LibrarySearch search(Map<String, String> environment) {
    return LibrarySearch.of(root, environment, root.resolve("home/u"));
  }

  @Test
  void looksWhereTheEnvironmentSaysFirst() throws IOException {
    Path first = file("first/libcudart.so.13");
    file("second/libcudart.so.13");
    file("usr/lib/x86_64-linux-gnu/libcudart.so.13");
    String path = root.resolve("absent") + "::" + first.getParent() + ":" + root.resolve("second");

    assertThat(search(Map.of("LD_LIBRARY_PATH", path)).find("libcudart.so.13"))
        .contains(new LibrarySearch.Found(first, LibrarySearch.Source.LD_LIBRARY_PATH, "13"));
  }

  @Test
  void followsTheLoadersConfiguration() throws IOException {
    Files.createDirectories(root.resolve("etc/ld.so.conf.d"));
    Files.writeString(root.resolve("etc/ld.so.conf"), "# first\ninclude ld.so.conf.d/*.conf\n");
    Files.writeString(root.resolve("etc/ld.so.conf.d/cuda.conf"), "/opt/cuda/lib # CUDA\n");
    Files.writeString(root.resolve("etc/ld.so.conf.d/loop.conf"), "include /etc/ld.so.conf\n");
    Path library = file("opt/cuda/lib/libnvrtc.so.13");

    assertThat(search(Map.of()).find("libnvrtc.so.13"))
        .contains(new LibrarySearch.Found(library, LibrarySearch.Source.SYSTEM, "13"));
  }

  @Test
  void takesTheVersionFromTheNameThatTheLibraryLinksTo() throws IOException {
    Path real = file("usr/lib64/libcudnn_ops.so.9.14.0");
    Path link = Files.createSymbolicLink(root.resolve("usr/lib64/libcudnn_ops.so.9"), real);

    assertThat(search(Map.of()).find("libcudnn_ops.so.9"))
        .contains(new LibrarySearch.Found(link, LibrarySearch.Source.SYSTEM, "9.14.0"));
  }

  @Test
  void findsToolkitsPythonPackagesAndJavaCppsCache() throws IOException {
    file("usr/local/cuda-13.0/lib64/libcudart.so.13");
    file("venv/lib/python3.12/site-packages/nvidia/cudnn/lib/libcudnn_adv.so.9");
    file("usr/local/lib/python3.11/dist-packages/tensorrt_libs/libnvinfer.so.11");
    file("home/u/.local/lib/python3.13/site-packages/nvidia/cu13/lib/libcublas.so.13");
    file(
        "home/u/.javacpp/cache/tensorrt-redist.jar/org/bytedeco/tensorrt/linux-x86_64/"
            + "libnvonnxparser.so.11");
    LibrarySearch search = search(Map.of("VIRTUAL_ENV", root.resolve("venv").toString()));

    assertThat(source(search, "libcudart.so.13")).isEqualTo(LibrarySearch.Source.CUDA_TOOLKIT);
    assertThat(source(search, "libcudnn_adv.so.9")).isEqualTo(LibrarySearch.Source.PIP);
    assertThat(source(search, "libnvinfer.so.11")).isEqualTo(LibrarySearch.Source.PIP);
    assertThat(source(search, "libcublas.so.13")).isEqualTo(LibrarySearch.Source.PIP);
    assertThat(source(search, "libnvonnxparser.so.11"))
        .isEqualTo(LibrarySearch.Source.JAVACPP_CACHE);
    assertThat(search.find("libnvrtc.so.13")).isEmpty();
  }

  private static LibrarySearch.Source source(LibrarySearch search, String name) {
    return search.find(name).orElseThrow().source();
  }

  @Test
  void aBrokenLinkAndAFolderAreNoLibraries() throws IOException {
    Files.createDirectories(root.resolve("usr/lib64/libcudart.so.13"));
    Files.createSymbolicLink(root.resolve("usr/lib64/libnvrtc.so.13"), root.resolve("absent"));

    assertThat(search(Map.of()).find("libcudart.so.13")).isEmpty();
    assertThat(search(Map.of()).find("libnvrtc.so.13")).isEmpty();
  }

  @Test
  void theReportTellsMissingFromOutOfSightAndGivesEachRemedyOnce() throws IOException {
    Path pip = file("usr/lib/python3.12/site-packages/nvidia/cublas/lib/libcublas.so.13");
    file("usr/lib/python3.12/site-packages/nvidia/cublas/lib/libcublasLt.so.13");
    for (String present :
        List.of(
            "libcudart.so.13",
            "libnvrtc.so.13",
            "libnvrtc-builtins.so.13.0",
            "libnvinfer.so.11",
            "libnvinfer_plugin.so.11",
            "libnvonnxparser.so.11",
            "libnvinfer_builder_resource_ptx.so.11.2.1",
            "libnvinfer_builder_resource_sm90.so.11.2.1")) {
      file("usr/lib64/" + present);
    }

    GpuReport report = GpuReport.of(READY, search(Map.of()));

    assertThat(report.ok()).isFalse();
    assertThat(report.missing())
        .containsExactly(
            "libcublas.so.13 (cuBLAS 13) is there, but not where the loader looks",
            "libcublasLt.so.13 (cuBLAS 13) is there, but not where the loader looks",
            "libcudnn_graph.so.9 (cuDNN 9) was not found",
            "libcudnn_ops.so.9 (cuDNN 9) was not found",
            "libcudnn_cnn.so.9 (cuDNN 9) was not found",
            "libcudnn_adv.so.9 (cuDNN 9) was not found");
    assertThat(report.remedies())
        .containsExactly(
            "add " + pip.getParent() + " to LD_LIBRARY_PATH before Java starts",
            "install the package libcudnn9-cuda-13 or pip's nvidia-cudnn-cu13");
    assertThat(report.builderResources())
        .extracting(found -> found.file().getFileName().toString(), LibrarySearch.Found::version)
        .containsExactly(
            tuple("libnvinfer_builder_resource_ptx.so.11.2.1", "11.2.1"),
            tuple("libnvinfer_builder_resource_sm90.so.11.2.1", "11.2.1"));
  }

  @Test
  void theReportIsFineWhenNothingIsMissing() throws IOException {
    for (LibraryFinding needed : GpuReport.of(READY, search(Map.of())).libraries()) {
      file("usr/lib64/" + needed.name());
    }

    GpuReport report = GpuReport.of(READY, search(Map.of()));

    assertThat(report.ok()).isTrue();
    assertThat(report.missing()).isEmpty();
    assertThat(report.remedies()).isEmpty();
  }

  @Test
  void theReportMissesTheBuiltinsOfTheCompiler() throws IOException {
    for (LibraryFinding needed : GpuReport.of(READY, search(Map.of())).libraries()) {
      if (!needed.name().contains("builtins")) {
        file("usr/lib64/" + needed.name());
      }
    }

    GpuReport report = GpuReport.of(READY, search(Map.of()));

    assertThat(report.ok()).isFalse();
    assertThat(report.missing())
        .containsExactly("libnvrtc-builtins.so.13* (NVRTC 13) was not found");
    assertThat(report.remedies()).singleElement().asString().contains("cuda-nvrtc-13-0");
    file("usr/lib64/libnvrtc-builtins.so.13.0");
    assertThat(GpuReport.of(READY, search(Map.of())).ok()).isTrue();
  }

  @Test
  void whatJavaCppUnpackedIsSaidToServeJavaCppOnly() throws IOException {
    for (LibraryFinding needed : GpuReport.of(READY, search(Map.of())).libraries()) {
      file("usr/lib64/" + needed.name());
    }
    Files.delete(root.resolve("usr/lib64/libnvinfer.so.11"));
    Path unpacked = file("home/u/.javacpp/cache/redist.jar/org/libnvinfer.so.11");

    GpuReport report = GpuReport.of(READY, search(Map.of()));

    assertThat(report.missing())
        .singleElement()
        .asString()
        .startsWith("libnvinfer.so.11 (TensorRT 11) is in JavaCPP's cache");
    assertThat(report.remedies())
        .containsExactly(
            "start Java with the jars of org.bytedeco that JavaCPP unpacked on the class path, or"
                + " add "
                + unpacked.getParent()
                + " to LD_LIBRARY_PATH before Java starts");
  }

  @Test
  void findsEveryLibraryOfAName() throws IOException {
    Path first = file("first/libnvrtc.so.13");
    Path second = file("usr/lib64/libnvrtc.so.13");
    LibrarySearch search = search(Map.of("LD_LIBRARY_PATH", first.getParent().toString()));

    assertThat(search.findAll("libnvrtc.so.13"))
        .extracting(LibrarySearch.Found::file)
        .containsExactly(first, second);
  }

  /** As LD_LIBRARY_PATH=/opt/\u00e9 is under LC_ALL=C; a NUL is a name that no locale has. */
  @Test
  void aFolderWhoseNameCannotBeWrittenHoldsNothing() throws IOException {
    Files.createDirectories(root.resolve("etc"));
    Files.writeString(root.resolve("etc/ld.so.conf"), "/opt/\0a\ninclude \0b\n/opt/fine\n");
    Path library = file("opt/fine/libnvrtc.so.13");
    String bad = "/opt/\0c";
    LibrarySearch search =
        search(Map.of("LD_LIBRARY_PATH", bad, "CUDA_HOME", bad, "VIRTUAL_ENV", bad));

    assertThat(search.find("libnvrtc.so.13").orElseThrow().file()).isEqualTo(library);
  }
}
