package dev.sluice.bindings.nvrtc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.cuda.StandInLibrary;
import dev.sluice.bindings.nvrtc.generated.NvrtcHeader;
import java.lang.reflect.Method;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NvrtcTest {
  private final String before = System.getProperty(Nvrtc.PROPERTY, "");

  @AfterEach
  void restore() {
    System.setProperty(Nvrtc.PROPERTY, before);
  }

  @Test
  void everyResultHasAStatus() throws ReflectiveOperationException {
    Map<String, Object> header = new TreeMap<>();
    for (Method method : NvrtcHeader.class.getMethods()) {
      if (method.getName().startsWith("NVRTC_")) {
        header.put(method.getName(), method.invoke(null));
      }
    }
    Map<String, Object> ours =
        Arrays.stream(NvrtcStatus.values())
            .collect(Collectors.toMap(NvrtcStatus::cName, NvrtcStatus::code));
    assertThat(ours).isNotEmpty().isEqualTo(header);
    assertThat(NvrtcStatus.values())
        .allSatisfy(status -> assertThat(status.remedy().isEmpty()).isEqualTo(status.code() == 0));
  }

  @Test
  void saysThatTheNamedFileIsNotThere() {
    System.setProperty(Nvrtc.PROPERTY, "/nowhere/libnvrtc.so.13");
    assertThatThrownBy(Nvrtc::load)
        .isInstanceOf(NativeException.class)
        .hasMessageContaining("/nowhere/libnvrtc.so.13")
        .hasMessageContaining(Nvrtc.PROPERTY);
  }

  @Test
  void saysWhatALibraryLacks(@TempDir Path folder) throws Exception {
    Path file =
        StandInLibrary.compile(
            "gcc", folder.resolve("libnvrtc.so"), "int nvrtcVersion(int *a, int *b) {return 0;}");
    System.setProperty(Nvrtc.PROPERTY, file.toString());
    assertThatThrownBy(Nvrtc::load)
        .isInstanceOf(NativeException.class)
        .hasMessageContaining("lacks nvrtcGetErrorString")
        .hasMessageContaining("nvrtcCompileProgram");
  }

  /** A whole NVRTC behind a broken one, whose every function returns a status of its own. */
  @Test
  void takesTheFirstThatIsWhole(@TempDir Path folder) throws Exception {
    Path broken =
        StandInLibrary.compile(
            "gcc", folder.resolve("broken.so"), "int nvrtcVersion(int *a, int *b) {return 0;}");
    String source =
        Arrays.stream(NvrtcApi.class.getMethods())
            .map(Method::getName)
            .filter(name -> !name.equals("nvrtcGetErrorString"))
            .map(name -> "int " + name + "(void) { return 4711; }\n")
            .collect(Collectors.joining());
    Path whole =
        StandInLibrary.compile(
            "gcc",
            folder.resolve("whole.so"),
            source + "const char *nvrtcGetErrorString(int e) { return \"NVRTC_ERROR_OF_TEST\"; }");
    Nvrtc nvrtc =
        Nvrtc.load(List.of("/nowhere/n.so", "/bad/\0", broken.toString(), whole.toString()));
    assertThat(nvrtc.library()).isEqualTo(whole.toString());
    assertThatThrownBy(nvrtc::version)
        .isInstanceOf(NativeException.class)
        .hasMessageContaining("nvrtcVersion() failed with NVRTC_ERROR_OF_TEST (4711)");
  }

  @Test
  void compilesAndSaysWhatDoesNot() {
    Nvrtc nvrtc;
    try {
      nvrtc = Nvrtc.load();
    } catch (NativeException e) {
      System.out.println("skipped, no NVRTC: " + e.getMessage());
      abort(e.getMessage());
      return;
    }
    assertThat(nvrtc.version()).matches("\\d+\\.\\d+");
    int architecture = nvrtc.architectures().getFirst();
    byte[] cubin =
        nvrtc.compile(
            "a.cu",
            "#include \"b.h\"\nextern \"C\" __global__ void f(int *p) { *p = B; }",
            Map.of("b.h", "#define B 7\n"),
            architecture,
            List.of());
    assertThat(Arrays.copyOf(cubin, 4)).isEqualTo(new byte[] {0x7f, 'E', 'L', 'F'});
    assertThatThrownBy(
            () -> nvrtc.compile("bad.cu", "int f() { g; }", Map.of(), architecture, List.of()))
        .isInstanceOf(NativeException.class)
        .hasMessageContaining("NVRTC_ERROR_COMPILATION")
        .hasMessageContaining("bad.cu(1): error: identifier \"g\" is undefined");
    assertThatThrownBy(
            () -> nvrtc.compile("a.cu", "", Map.of(), architecture, List.of("--no-such-option")))
        .isInstanceOf(NativeException.class)
        .hasMessageContaining("NVRTC_ERROR_INVALID_OPTION");
    assertThatThrownBy(() -> nvrtc.compile("a.cu", "", Map.of(), 11, List.of()))
        .isInstanceOf(NativeException.class)
        .hasMessageContaining("sm_11");
  }
}
