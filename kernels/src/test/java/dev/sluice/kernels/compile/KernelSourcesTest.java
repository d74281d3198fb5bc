package dev.sluice.kernels.compile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.nvrtc.Nvrtc;
import dev.sluice.kernels.Kernel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The sources compile for the architectures of the property {@code sluice.architectures}, without a
 * warning and without spilling registers; with NVRTC, and with nvcc, where these are found.
 */
class KernelSourcesTest {
  private static final Pattern SPILL = Pattern.compile("(\\d+) bytes spill (stores|loads)");
  private static final Pattern FUNCTION = Pattern.compile("Compiling entry function '(\\w+)'");

  @TempDir private Path folder;

  static List<KernelSource> sources() {
    return KernelSource.all();
  }

  private static List<Integer> architectures() {
    return Arrays.stream(System.getProperty("sluice.architectures", "75,90").split(","))
        .map(Integer::valueOf)
        .toList();
  }

  @Test
  void everyKernelIsInASource() {
    String all = String.join("\n", sources().stream().map(KernelSource::text).toList());
    for (Kernel kernel : Kernel.values()) {
      assertThat(all).containsPattern("\\b" + kernel.function() + "\\b");
    }
  }

  @ParameterizedTest
  @MethodSource("sources")
  void compilesWithNvrtc(KernelSource source) {
    Nvrtc nvrtc;
    try {
      nvrtc = Nvrtc.load();
    } catch (NativeException e) {
      System.out.println("skipped, no NVRTC: " + e.getMessage());
      abort(e.getMessage());
      return;
    }
    for (int architecture : architectures()) {
      byte[] cubin =
          nvrtc.compile(
              source.name(),
              source.text(),
              source.headers(),
              architecture,
              List.of("--fmad=false", "--std=c++17", "--warning-as-error=all-warnings"));
      // A cubin is an ELF file that holds its functions' names.
      assertThat(Arrays.copyOf(cubin, 4)).isEqualTo(new byte[] {0x7f, 'E', 'L', 'F'});
      String text = new String(cubin, StandardCharsets.ISO_8859_1);
      for (Kernel kernel : Kernel.values()) {
        assertThat(text.contains(kernel.function()))
            .as(kernel.function() + " in " + source.name())
            .isEqualTo(kernel.source().equals(source.name()));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("sources")
  void compilesWithNvccAndSpillsNothing(KernelSource source) throws Exception {
    for (int architecture : architectures()) {
      String output = nvcc(source, "-cubin", architecture, "-Xptxas", "-v");
      Matcher functions = FUNCTION.matcher(output);
      List<String> found = new ArrayList<>();
      while (functions.find()) {
        found.add(functions.group(1));
      }
      assertThat(found)
          .containsExactlyInAnyOrderElementsOf(
              Arrays.stream(Kernel.values())
                  .filter(kernel -> kernel.source().equals(source.name()))
                  .map(Kernel::function)
                  .toList());
      Matcher spills = SPILL.matcher(output);
      while (spills.find()) {
        assertThat(spills.group(1)).as("spilt, sm_%d: %s", architecture, output).isEqualTo("0");
      }
    }
  }

  @ParameterizedTest
  @MethodSource("sources")
  void moves16BytesAtATime(KernelSource source) throws Exception {
    nvcc(source, "-ptx", 90);
    String ptx = Files.readString(folder.resolve("out"));
    for (Kernel kernel : Kernel.values()) {
      if (!kernel.source().equals(source.name())) {
        continue;
      }
      int start = ptx.indexOf(".entry " + kernel.function() + "(");
      assertThat(start).as(kernel.function()).isNotNegative();
      int end = ptx.indexOf(".entry ", start + 1);
      String body = ptx.substring(start, end < 0 ? ptx.length() : end);
      switch (kernel) {
        case TOPK_F32, TOPK_F16, TOPK_BF16 -> {
          // A row is read element by element: it may start anywhere, and stays in the L1 cache.
        }
        default ->
            assertThat(body)
                .as(kernel.function())
                .containsPattern("(ld|st)\\.(global\\.)?(nc\\.)?v(4\\.[bu]32|4\\.f32|2\\.[bu]64)");
      }
    }
  }

  private String nvcc(KernelSource source, String kind, int architecture, String... options)
      throws IOException, InterruptedException {
    Files.writeString(folder.resolve(source.name()), source.text());
    for (var header : source.headers().entrySet()) {
      Files.writeString(folder.resolve(header.getKey()), header.getValue());
    }
    List<String> command = new ArrayList<>(List.of("nvcc", kind, "-arch=sm_" + architecture));
    command.addAll(List.of("-fmad=false", "-std=c++17", "-Werror", "all-warnings"));
    command.addAll(List.of(options));
    command.addAll(List.of("-o", folder.resolve("out").toString()));
    command.add(folder.resolve(source.name()).toString());
    Process process;
    try {
      process = new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      System.out.println("skipped, no nvcc on the PATH: " + e.getMessage());
      return abort("no nvcc on the PATH: " + e.getMessage());
    }
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }
}
