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
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
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

  private static final Pattern FRAME = Pattern.compile("(\\d+) bytes stack frame");
  private static final Pattern ACCESS =
      Pattern.compile("\\b(ld|st)\\.(?:(global|shared)\\.)?(?:nc\\.)?(?:v([24])\\.)?[busf](\\d+)");

  private static final Logger NVRTC_LOG = Logger.getLogger(Nvrtc.class.getName());
  private static final List<String> WARNINGS = new ArrayList<>();
  private static final Handler KEEPS_WARNINGS =
      new Handler() {
        @Override
        public void publish(LogRecord record) {
          WARNINGS.add(record.getMessage());
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
      };

  @TempDir private Path folder;

  @BeforeAll
  static void keepWarnings() {
    NVRTC_LOG.addHandler(KEEPS_WARNINGS);
    NVRTC_LOG.setUseParentHandlers(false);
  }

  @AfterAll
  static void restoreLog() {
    NVRTC_LOG.removeHandler(KEEPS_WARNINGS);
    NVRTC_LOG.setUseParentHandlers(true);
  }

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
    WARNINGS.clear();
    for (int architecture : architectures()) {
      byte[] cubin =
          nvrtc.compile(
              source.name(), source.text(), source.headers(), architecture, KernelCompiler.OPTIONS);
      // A cubin is an ELF file that holds its functions' names.
      assertThat(Arrays.copyOf(cubin, 4)).isEqualTo(new byte[] {0x7f, 'E', 'L', 'F'});
      String text = new String(cubin, StandardCharsets.ISO_8859_1);
      for (Kernel kernel : Kernel.values()) {
        assertThat(text.contains(kernel.function()))
            .as(kernel.function() + " in " + source.name())
            .isEqualTo(kernel.source().equals(source.name()));
      }
    }
    assertThat(WARNINGS).isEmpty();
    nvrtc.compile(
        "unused.cu",
        "__global__ void f() { int unused; }",
        Map.of(),
        architectures().getFirst(),
        List.of());
    assertThat(WARNINGS).singleElement().asString().contains("unused.cu");
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
      Matcher frames = FRAME.matcher(output);
      while (frames.find()) {
        assertThat(frames.group(1)).as("stack, sm_%d: %s", architecture, output).isEqualTo("0");
      }
    }
  }

  /** The widest loads and stores of a kernel in global memory, and the widest loads of shared. */
  private record Widths(int load, int store, int shared) {
    static Widths of(String ptx) {
      int load = 0;
      int store = 0;
      int shared = 0;
      Matcher accesses = ACCESS.matcher(ptx);
      while (accesses.find()) {
        int lanes = accesses.group(3) == null ? 1 : Integer.parseInt(accesses.group(3));
        int bytes = lanes * Integer.parseInt(accesses.group(4)) / 8;
        if ("shared".equals(accesses.group(2))) {
          shared = accesses.group(1).equals("ld") ? Math.max(shared, bytes) : shared;
        } else if (accesses.group(1).equals("ld")) {
          load = Math.max(load, bytes);
        } else {
          store = Math.max(store, bytes);
        }
      }
      return new Widths(load, store, shared);
    }

    static Widths expected(Kernel kernel) {
      return switch (kernel) {
        case CAST_F32_F16, CAST_F32_BF16, QUANTIZE_F16_I8, QUANTIZE_F16_U8 -> new Widths(16, 8, 0);
        case CAST_F16_F32, CAST_BF16_F32, DEQUANTIZE_I8_F16, DEQUANTIZE_U8_F16 ->
            new Widths(8, 16, 0);
        case CAST_F16_BF16, CAST_BF16_F16, GATHER_ROWS -> new Widths(16, 16, 0);
        case QUANTIZE_F32_I8, QUANTIZE_F32_U8 -> new Widths(16, 4, 0);
        // The scale is as wide as four bytes of the source.
        case DEQUANTIZE_I8_F32, DEQUANTIZE_U8_F32 -> new Widths(4, 16, 0);
        case NORMALIZE_IMAGE_F32, NORMALIZE_IMAGE_F16, NORMALIZE_IMAGE_I8 -> new Widths(16, 16, 16);
        // A row is read element by element: it may start anywhere, and stays in the L1 cache.
        case TOPK_F32 -> new Widths(4, 4, 4);
        case TOPK_F16, TOPK_BF16 -> new Widths(2, 4, 4);
        // Atomics write the result.
        case ABSMAX_F32, ABSMAX_F16, ABSMAX_BF16 -> new Widths(16, 0, 0);
        case HISTOGRAM_F32, HISTOGRAM_F16, HISTOGRAM_BF16 -> new Widths(16, 0, 4);
        case SATURATION_COUNT_F32, SATURATION_COUNT_F16, SATURATION_COUNT_BF16 ->
            new Widths(16, 0, 0);
      };
    }
  }

  private Map<Kernel, Widths> widths(KernelSource source) throws Exception {
    nvcc(source, "-ptx", 90);
    String ptx = Files.readString(folder.resolve("out"));
    Map<Kernel, Widths> widths = new EnumMap<>(Kernel.class);
    for (Kernel kernel : Kernel.values()) {
      int start = ptx.indexOf(".entry " + kernel.function() + "(");
      if (start >= 0) {
        int end = ptx.indexOf(".entry ", start + 1);
        widths.put(kernel, Widths.of(ptx.substring(start, end < 0 ? ptx.length() : end)));
      }
    }
    return widths;
  }

  @ParameterizedTest
  @MethodSource("sources")
  void movesWholeWords(KernelSource source) throws Exception {
    Map<Kernel, Widths> expected = new EnumMap<>(Kernel.class);
    for (Kernel kernel : Kernel.values()) {
      if (kernel.source().equals(source.name())) {
        expected.put(kernel, Widths.expected(kernel));
      }
    }
    assertThat(widths(source)).isEqualTo(expected);
  }

  @Test
  void noticesWhatMovesElementByElement() throws Exception {
    KernelSource convert = KernelSource.of(Kernel.CAST_F16_F32);
    String header = convert.headers().get(Kernel.HEADER);
    String scalar = header.replace("alignas(sizeof(T) * N) ", "");
    assertThat(scalar).isNotEqualTo(header);
    KernelSource slow =
        new KernelSource(convert.name(), convert.text(), Map.of(Kernel.HEADER, scalar));
    assertThat(widths(slow))
        .containsEntry(Kernel.CAST_F16_F32, new Widths(2, 4, 0))
        .containsEntry(Kernel.QUANTIZE_F32_I8, new Widths(4, 1, 0));
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
