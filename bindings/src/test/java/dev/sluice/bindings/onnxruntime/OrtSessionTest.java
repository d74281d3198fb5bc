package dev.sluice.bindings.onnxruntime;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.NativeException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class OrtSessionTest {
  private static final OrtEnvironment ENVIRONMENT = OrtEnvironment.shared();

  private static OrtSession open(MemorySegment model) {
    return open(model, OrtSessionOptions.defaults());
  }

  private static OrtSession open(MemorySegment model, OrtSessionOptions options) {
    return OrtSession.open(ENVIRONMENT, model, options, "tiny");
  }

  @Test
  void tellsVersionAndFile() {
    assertThat(ENVIRONMENT.version()).isEqualTo(OnnxRuntimeLibrary.PINNED_VERSION);
    assertThat(ENVIRONMENT.libraryPath()).isRegularFile();
    assertThat(OrtEnvironment.shared()).isSameAs(ENVIRONMENT);
  }

  @Test
  void tellsTheSignature() {
    MemorySegment model =
        new TinyModel()
            .input("a", ElementType.FLOAT, "N", 3)
            .input("b", ElementType.FLOAT, "N", 3)
            .output("sum", ElementType.FLOAT, "N", 3)
            .shapelessOutput("same", ElementType.FLOAT)
            .node("Add", "a b", "sum")
            .node("Identity", "a", "same")
            .build();
    try (OrtSession session = open(model)) {
      assertThat(session.inputs()).extracting(OrtValueInfo::name).containsExactly("a", "b");
      assertThat(session.outputs()).extracting(OrtValueInfo::name).containsExactly("sum", "same");
      OrtValueInfo a = session.inputs().getFirst();
      assertThat(a.type()).isEqualTo(ElementType.FLOAT);
      assertThat(a.dims()).containsExactly(-1L, 3L);
      assertThat(a.symbols()).containsExactly("N", "");
      assertThat(a.hasShape()).isTrue();
    }
  }

  @Test
  void namesWhatIsNoTensor() {
    MemorySegment model =
        new TinyModel()
            .input("x", ElementType.FLOAT, 2)
            .sequenceOutput("y", ElementType.FLOAT)
            .node("SequenceConstruct", "x x", "y")
            .build();
    try (OrtSession session = open(model)) {
      assertThat(session.outputs().getFirst().kind()).isEqualTo(OnnxType.SEQUENCE);
      assertThat(session.outputs().getFirst().type()).isNull();
    }
  }

  @Test
  void bindingOverPrefixesOfOneBufferRunsWithoutAllocating() {
    MemorySegment model =
        new TinyModel()
            .input("x", ElementType.FLOAT, "N", 4)
            .output("y", ElementType.FLOAT, "N", 4)
            .node("Mul", "x x", "y")
            .build();
    int rows = 3;
    try (Arena arena = Arena.ofConfined();
        OrtSession session = open(model);
        OrtBinding binding = session.newBinding()) {
      MemorySegment in = arena.allocate(8 * 4 * Float.BYTES, 64);
      MemorySegment out = arena.allocate(8 * 4 * Float.BYTES, 64);
      try (OrtValue x = OrtValue.tensor(ENVIRONMENT, in, ElementType.FLOAT, rows, 4);
          OrtValue y = OrtValue.tensor(ENVIRONMENT, out, ElementType.FLOAT, rows, 4)) {
        binding.bindInput(0, x);
        binding.bindOutput(0, y);
      }
      for (int i = 0; i < 8 * 4; i++) {
        in.setAtIndex(JAVA_FLOAT, i, i);
      }
      ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
      run(binding, 20_000);
      // The virtual machine itself allocates now and then on a thread's behalf: what a run
      // allocates would show in every window.
      long least = Long.MAX_VALUE;
      for (int window = 0; window < 5; window++) {
        long before = threads.getCurrentThreadAllocatedBytes();
        run(binding, 1_000);
        least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
      }
      assertThat(least).isZero();
      for (int i = 0; i < 8 * 4; i++) {
        assertThat(out.getAtIndex(JAVA_FLOAT, i)).isEqualTo(i < rows * 4 ? i * (float) i : 0);
      }
    }
  }

  private static void run(OrtBinding binding, int times) {
    for (int i = 0; i < times; i++) {
      binding.run();
    }
  }

  @ParameterizedTest
  @EnumSource
  void everyElementTypeOfTheCpuGoesThrough(ElementType type) {
    // ONNX Runtime has no kernels for complex numbers.
    boolean unsupported = type == ElementType.COMPLEX64 || type == ElementType.COMPLEX128;
    MemorySegment model = TinyModel.identity(type, 2, 3);
    if (unsupported) {
      assertThatThrownBy(() -> open(model))
          .isInstanceOf(NativeException.class)
          .hasMessageContaining("CreateSessionFromArray");
      return;
    }
    try (Arena arena = Arena.ofConfined();
        OrtSession session = open(model)) {
      assertThat(session.inputs().getFirst().type()).isEqualTo(type);
      if (type == ElementType.STRING) {
        String[] values = {"", "a", "käse", "\0in\0side", "\ud83d\ude80", "last"};
        try (OrtValue x = OrtValue.strings(ENVIRONMENT, values, 2, 3);
            OrtValue y = session.run(List.of(x)).getFirst()) {
          assertThat(y.kind()).isEqualTo(OnnxType.TENSOR);
          assertThat(y.strings()).containsExactly(values);
        }
        return;
      }
      byte[] values = new byte[(int) type.byteSize(6)];
      new Random(7).nextBytes(values);
      if (type == ElementType.BOOL) {
        for (int i = 0; i < values.length; i++) {
          values[i] &= 1;
        }
      }
      MemorySegment in = arena.allocate(values.length, 64).copyFrom(MemorySegment.ofArray(values));
      try (OrtValue x = OrtValue.tensor(ENVIRONMENT, in, type, 2, 3);
          OrtValue y = session.run(List.of(x)).getFirst()) {
        assertThat(y.info().type()).isEqualTo(type);
        assertThat(y.info().dims()).containsExactly(2L, 3L);
        assertThat(y.data().toArray(JAVA_BYTE)).isEqualTo(values);
      }
    }
  }

  @Test
  void weightsComeFromAFolderOrFromMemory(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("weights.bin");
    byte[] weights = TinyModel.bytes(0, 0, 10, 20, 30);
    Files.write(file, weights);
    MemorySegment model =
        new TinyModel()
            .input("x", ElementType.FLOAT, 3)
            .output("y", ElementType.FLOAT, 3)
            .externalWeights("w", "weights.bin", 8, 12, 3)
            .node("Add", "x w", "y")
            .build();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment bytes = arena.allocate(weights.length, 64);
      bytes.copyFrom(MemorySegment.ofArray(weights));
      OrtSessionOptions defaults = OrtSessionOptions.defaults();
      for (OrtSessionOptions options :
          List.of(
              defaults.withExternalWeightsFolder(folder),
              defaults.withExternalFiles(Map.of("weights.bin", bytes)))) {
        MemorySegment in = arena.allocateFrom(JAVA_FLOAT, 1, 2, 3);
        try (OrtSession session = open(model, options);
            OrtValue x = OrtValue.tensor(ENVIRONMENT, in, ElementType.FLOAT, 3);
            OrtValue y = session.run(List.of(x)).getFirst()) {
          assertThat(y.data().toArray(JAVA_FLOAT)).containsExactly(11, 22, 33);
        }
      }
    }
    assertThatThrownBy(
            () -> open(model, OrtSessionOptions.defaults().withExternalWeightsFolder(Path.of("/"))))
        .isInstanceOf(NativeException.class)
        .hasMessageContaining("weights.bin");
  }

  @Test
  void namesFunctionArgumentsStatusAndRemedy() {
    assertThatThrownBy(() -> open(MemorySegment.ofArray(new byte[] {1, 2, 3})))
        .isInstanceOfSatisfying(
            NativeException.class,
            e -> {
              assertThat(e.function()).isEqualTo("CreateSessionFromArray");
              assertThat(e.arguments()).contains("3 bytes");
              assertThat(e.statusName()).isEqualTo("ORT_INVALID_PROTOBUF");
              assertThat(e.libraryMessage()).isNotEmpty();
              assertThat(e.remedy()).contains("export the model again");
              assertThat(e).hasMessageContaining(e.function()).hasMessageContaining(e.remedy());
            });
  }

  @Test
  void aFailingRunNamesTheSessionAndTheBindingGoesOn() {
    MemorySegment model =
        new TinyModel()
            .input("x", ElementType.FLOAT, "N")
            .input("i", ElementType.INT64, 1)
            .output("y", ElementType.FLOAT, 1)
            .node("Gather", "x i", "y")
            .build();
    try (Arena arena = Arena.ofConfined();
        OrtSession session = open(model);
        OrtBinding binding = session.newBinding()) {
      MemorySegment x = arena.allocateFrom(JAVA_FLOAT, 5, 6);
      MemorySegment index = arena.allocate(8, 8);
      MemorySegment y = arena.allocate(4, 4);
      try (OrtValue xValue = OrtValue.tensor(ENVIRONMENT, x, ElementType.FLOAT, 2);
          OrtValue iValue = OrtValue.tensor(ENVIRONMENT, index, ElementType.INT64, 1);
          OrtValue yValue = OrtValue.tensor(ENVIRONMENT, y, ElementType.FLOAT, 1)) {
        binding.bindInput(0, xValue);
        binding.bindInput(1, iValue);
        binding.bindOutput(0, yValue);
      }
      index.set(JAVA_BYTE, 0, (byte) 77);
      assertThatThrownBy(binding::run)
          .isInstanceOf(NativeException.class)
          .hasMessageContaining("RunWithBinding(OrtSession@")
          .hasMessageContaining("77");
      index.set(JAVA_BYTE, 0, (byte) 1);
      binding.run();
      assertThat(y.get(JAVA_FLOAT, 0)).isEqualTo(6);
    }
  }

  @Test
  void refusesMemoryThatIsTooSmallOrOnTheHeap() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment small = arena.allocate(11);
      assertThatThrownBy(() -> OrtValue.tensor(ENVIRONMENT, small, ElementType.FLOAT, 3))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("takes 12 bytes");
      MemorySegment heap = MemorySegment.ofArray(new float[3]);
      assertThatThrownBy(() -> OrtValue.tensor(ENVIRONMENT, heap, ElementType.FLOAT, 3))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("native memory");
    }
  }

  @Test
  void useAfterCloseNamesTheHandle() {
    OrtSession session = open(TinyModel.identity(ElementType.FLOAT, 1));
    session.close();
    session.close();
    assertThatThrownBy(session::newBinding)
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("OrtSession@")
        .hasMessageContaining("(tiny)");
  }
}
