package dev.sluice.bindings.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Shared libraries that stand in for a driver, compiled by the machine's gcc. */
public final class StandInLibrary {
  private StandInLibrary() {}

  /** Functions of a driver with one device that has no memory functions of its own. */
  private static final String DRIVER =
      """
      #include <stddef.h>
      #include <string.h>
      int cuInit(unsigned f) { return INIT_STATUS; }
      int cuDriverGetVersion(int *v) { *v = CUDA; return 0; }
      int cuGetErrorName(int e, const char **p) { *p = e == 100 ? "CUDA_ERROR_NO_DEVICE" : "OTHER"; return 0; }
      int cuGetErrorString(int e, const char **p) { *p = "stand-in"; return 0; }
      int cuDeviceGetCount(int *c) { *c = 1; return 0; }
      int cuDeviceGet(int *d, int o) { *d = o; return 0; }
      int cuDeviceGetName(char *n, int l, int d) { strncpy(n, "Stand-in", l); return 0; }
      int cuDeviceTotalMem_v2(size_t *b, int d) { *b = 5368709123ul; return 0; }
      int cuDeviceGetAttribute(int *p, int a, int d) { *p = a; return 0; }
      int cuDevicePrimaryCtxRetain(void **c, int d) { *c = (void *) 77; return 0; }
      int cuDevicePrimaryCtxRelease_v2(int d) { return 0; }
      static __thread void *current;
      int cuCtxSetCurrent(void *c) { current = c; return 0; }
      int cuCtxGetCurrent(void **c) { *c = current; return 0; }
      int cuMemGetInfo_v2(size_t *f, size_t *t) {
        *f = current == (void *) 77 ? 4294967301ul : 0; *t = 5368709123ul; return 0;
      }
      """;

  /** Functions that the probe of a driver binds but does not call. */
  private static Stream<String> rest() {
    return Arrays.stream(CudaApi.class.getMethods())
        .map(Method::getName)
        .filter(name -> !DRIVER.contains(" " + name + "("))
        .sorted();
  }

  /**
   * Compiles a driver; the test is skipped where there is no gcc.
   *
   * @param file where to write it
   * @param cudaVersion what it answers
   * @param initStatus what its {@code cuInit} returns
   * @param without a function that it does not have; empty for a complete driver
   */
  public static Path driver(Path file, int cudaVersion, int initStatus, String without)
      throws IOException, InterruptedException {
    String source =
        DRIVER
            + rest()
                .filter(name -> !name.equals(without))
                .map(name -> "int " + name + "(void) { return 801; }")
                .collect(Collectors.joining("\n", "", "\n"));
    return compile(
        "gcc",
        file,
        "#define CUDA " + cudaVersion + "\n#define INIT_STATUS " + initStatus + "\n" + source);
  }

  /**
   * Compiles any shared library; the test is skipped where the compiler is not there.
   *
   * @param compiler {@code gcc} or {@code g++}
   * @param options further ones for it
   */
  public static Path compile(String compiler, Path file, String source, String... options)
      throws IOException, InterruptedException {
    String suffix = compiler.equals("gcc") ? ".c" : ".cc";
    Path sourceFile = Files.writeString(file.resolveSibling(file.getFileName() + suffix), source);
    List<String> command = new ArrayList<>(List.of(compiler, "-shared", "-fPIC"));
    command.addAll(List.of(options));
    command.addAll(List.of("-o", file.toString(), sourceFile.toString()));
    Process process;
    try {
      process = new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      System.out.println(
          "skipped: no " + compiler + " to compile a stand-in with: " + e.getMessage());
      return abort("no " + compiler + ": " + e.getMessage());
    }
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return file;
  }
}
