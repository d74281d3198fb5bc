package dev.sluice.bindings.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.sluice.bindings.cuda.RecordingDriver.Call;
import dev.sluice.bindings.cuda.generated.CUDA_MEMCPY3D_st;
import dev.sluice.bindings.cuda.generated.CUctxCreateParams_st;
import dev.sluice.bindings.cuda.generated.CUgraphExecUpdateResultInfo_st;
import dev.sluice.bindings.cuda.generated.CUmemLocation_st;
import dev.sluice.bindings.cuda.generated.CUmemPoolProps_st;
import dev.sluice.bindings.cuda.generated.CudaHeader;
import java.io.File;
import java.io.IOException;
import java.lang.foreign.GroupLayout;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Holds the binding against a {@code cuda.h}, by a C compiler that reads it: every function passes
 * each argument to its place, and layouts and constants are the header's. Skipped where there is no
 * gcc, or no header: the system property {@code sluice.cuda.include} names its folder.
 */
class CudaHeaderAbiTest {
  private static final List<GroupLayout> LAYOUTS =
      List.of(
          CUmemPoolProps_st.layout(),
          CUmemLocation_st.layout(),
          CUgraphExecUpdateResultInfo_st.layout(),
          CUctxCreateParams_st.layout(),
          CUDA_MEMCPY3D_st.layout());

  @TempDir private static Path folder;
  private static RecordingDriver driver;

  @BeforeAll
  static void compile() throws Exception {
    driver = RecordingDriver.compile(folder, header(), expressions());
  }

  private static Path header() {
    String named = System.getProperty("sluice.cuda.include", "");
    List<Path> folders = new ArrayList<>();
    if (!named.isEmpty()) {
      folders.add(Path.of(named));
    } else {
      for (String path : System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1)) {
        Path nvcc = Path.of(path, "nvcc");
        if (Files.isExecutable(nvcc)) {
          folders.add(nvcc.resolveSibling("../include"));
        }
      }
      folders.add(Path.of("/usr/local/cuda/include"));
      try (Stream<Path> local = Files.list(Path.of("/usr/local"))) {
        local
            .filter(toolkit -> toolkit.getFileName().toString().startsWith("cuda-13"))
            .forEach(toolkit -> folders.add(toolkit.resolve("include")));
      } catch (IOException e) {
        // A machine without that folder has no toolkit there.
      }
    }
    for (Path candidate : folders) {
      Path header = candidate.resolve("cuda.h");
      if (Files.isRegularFile(header)) {
        return header;
      }
    }
    String reason = "skipped: no cuda.h in " + folders + "; sluice.cuda.include names its folder";
    System.out.println(reason);
    return abort(reason);
  }

  /** What the header is asked for, in C, and what the binding holds it to be. */
  private static Map<String, Long> expected() {
    Map<String, Long> expected = new LinkedHashMap<>();
    LAYOUTS.forEach(layout -> describe(layout, expected));
    for (Method constant : CudaHeader.class.getMethods()) {
      if (constant.getName().matches("CU(DA)?_[A-Z0-9_]+")
          && constant.getReturnType() == int.class) {
        try {
          expected.put("(int) " + constant.getName(), (long) (int) constant.invoke(null));
        } catch (ReflectiveOperationException e) {
          throw new LinkageError(e.getMessage(), e);
        }
      }
    }
    return expected;
  }

  private static void describe(GroupLayout layout, Map<String, Long> expected) {
    String struct = "struct " + layout.name().orElseThrow();
    expected.put("sizeof(" + struct + ")", layout.byteSize());
    for (MemoryLayout member : layout.memberLayouts()) {
      member
          .name()
          .ifPresent(name -> {
            expected.put(
                "offsetof(" + struct + ", " + name + ")",
                layout.byteOffset(PathElement.groupElement(name)));
            expected.put("sizeof(((" + struct + " *) 0)->" + name + ")", member.byteSize());
          });
    }
  }

  private static List<String> expressions() {
    return List.copyOf(expected().keySet());
  }

  private static Map<String, Long> differences(Map<String, Long> expected) {
    Map<String, Long> actual = driver.values(expressions());
    Map<String, Long> differences = new TreeMap<>();
    expected.forEach((expression, value) -> {
      if (!value.equals(actual.get(expression))) {
        differences.put(expression, actual.get(expression));
      }
    });
    return differences;
  }

  @Test
  void layoutsAndConstantsAreTheHeaders() {
    assertThat(expected()).hasSizeGreaterThan(150);
    assertThat(differences(expected())).isEmpty();
  }

  @Test
  void aLayoutInAnotherOrderIsNoticed() {
    Map<String, Long> wrong = new LinkedHashMap<>();
    describe(
        MemoryLayout.structLayout(
                ValueLayout.JAVA_INT.withName("id"), ValueLayout.JAVA_INT.withName("type"))
            .withName("CUmemLocation_st"),
        wrong);
    assertThat(differences(wrong))
        .containsOnlyKeys(
            "offsetof(struct CUmemLocation_st, id)", "offsetof(struct CUmemLocation_st, type)");
  }

  @Test
  void everyFunctionPassesItsArgumentsOn() throws Exception {
    for (Method function : CudaApi.class.getMethods()) {
      assertThat(passed(driver.api(), function)).isEqualTo(call(function));
    }
  }

  @Test
  void swappedArgumentsAreNoticed() throws Exception {
    CudaApi swapping =
        (CudaApi)
            Proxy.newProxyInstance(
                CudaApi.class.getClassLoader(),
                new Class<?>[] {CudaApi.class},
                (_, method, arguments) -> {
                  Object first = arguments[0];
                  arguments[0] = arguments[1];
                  arguments[1] = first;
                  return method.invoke(driver.api(), arguments);
                });
    Method function = CudaApi.class.getMethod("cuEventRecord", long.class, long.class);
    assertThat(passed(swapping, function)).isNotEqualTo(call(function));
  }

  /** The call as it is made here: each argument has a value of its own, as wide as its type. */
  private static Call call(Method function) {
    Class<?>[] types = function.getParameterTypes();
    List<Long> values = new ArrayList<>();
    for (int i = 0; i < types.length; i++) {
      values.add(
          switch (types[i].getName()) {
            case "byte" -> 0x10L + i;
            case "short" -> 0x1230L + i;
            case "int" -> 0x12345670L + i;
            default -> 0x123456789abcdef0L + i;
          });
    }
    return new Call(function.getName(), values);
  }

  private static Call passed(CudaApi api, Method function)
      throws IllegalAccessException, InvocationTargetException {
    Class<?>[] types = function.getParameterTypes();
    Object[] arguments = new Object[types.length];
    List<Long> values = call(function).arguments();
    for (int i = 0; i < types.length; i++) {
      long value = values.get(i);
      arguments[i] =
          switch (types[i].getName()) {
            case "byte" -> (byte) value;
            case "short" -> (short) value;
            case "int" -> (int) value;
            case "long" -> value;
            default -> MemorySegment.ofAddress(value);
          };
    }
    assertThat(function.invoke(api, arguments)).isEqualTo(RecordingDriver.STATUS);
    return driver.last();
  }
}
