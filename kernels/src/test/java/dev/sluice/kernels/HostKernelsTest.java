package dev.sluice.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The kernels' own source, compiled for the host, against the references. */
class HostKernelsTest extends KernelContract {
  @TempDir private static Path folder;
  private static Arena loaded;
  private static HostMachine.Library library;

  @BeforeAll
  @SuppressWarnings("MustBeClosedChecker") // closed by close
  static void openLibrary() throws Exception {
    loaded = Arena.ofShared();
    library = HostMachine.compile(HostMachine.SOURCES, folder, loaded);
  }

  @AfterAll
  static void closeLibrary() {
    loaded.close();
  }

  @Override
  protected KernelMachine machine() {
    return new HostMachine(library);
  }

  /** The first place of a text in a source, and what stands there instead. */
  private record Change(String file, String text, String instead) {}

  /** Goes on with the sources as they are after some changes. */
  private void change(Path scratch, Change... changes) throws IOException, InterruptedException {
    try (DirectoryStream<Path> sources = Files.newDirectoryStream(HostMachine.SOURCES)) {
      for (Path source : sources) {
        Files.copy(source, scratch.resolve(source.getFileName()));
      }
    }
    for (Change change : changes) {
      Path file = scratch.resolve(change.file);
      String before = Files.readString(file);
      assertThat(before).contains(change.text);
      int at = before.indexOf(change.text);
      Files.writeString(
          file,
          before.substring(0, at) + change.instead + before.substring(at + change.text.length()));
    }
    machine.close();
    machine = new HostMachine(HostMachine.compile(scratch, scratch, loaded));
  }

  private void mustFail(ThrowingCallable test, String message) {
    assertThatThrownBy(test).isInstanceOf(AssertionError.class).hasMessageContaining(message);
    clearBuffers();
  }

  @Test
  void noticesBrokenKernels(@TempDir Path scratch) throws Exception {
    change(
        scratch,
        new Change("convert.cu", "(u32)zero", "(u32)zero + (zero == 3)"),
        new Change("gather.cu", "if (head < shift) head += 16;", ""),
        new Change("image.cu", "    __syncthreads();\n    stage", "    stage"),
        new Change("select.cu", "  __syncthreads();\n  if", "  if"),
        new Change("observe.cu", "atomicMax(out, most)", "*out = *out > most ? *out : most"),
        new Change("observe.cu", "    __syncthreads();", "                    "),
        new Change("observe.cu", "atomicAdd(count, (u64)mine)", "*count += mine"));
    mustFail(this::quantizesAndDequantizes, "quantize");
    mustFail(this::gathersRowsFromAnywhere, "out of bounds: 16 bytes");
    mustFail(this::normalizesImagesAsLargeAsTheResult, "a race in shared memory");
    mustFail(this::findsTheLargest, "a race in shared memory");
    mustFail(this::findsTheLargestMagnitude, "a race in global memory");
    mustFail(this::countsMagnitudes, "a race in shared memory");
    mustFail(this::countsWhatIsOutOfRange, "a race in global memory");
  }

  @Test
  void noticesKernelsBrokenElsewhere(@TempDir Path scratch) throws Exception {
    change(
        scratch,
        new Change("common.cuh", "aligned(src + head, sizeof(From))", "true"),
        new Change("gather.cu", "- ((16 - shift) & 15)", ""),
        new Change("image.cu", "    __syncthreads();\n    SLUICE", "    SLUICE"),
        new Change("select.cu", "  __syncthreads();\n  Best all", "  Best all"),
        new Change("observe.cu", "atomicAdd(&local[", "shim_plain_add(&local["),
        new Change(
            "observe.cu",
            "// counts[b]",
            "template <class T> void shim_plain_add(T *at, T value) { *at += value; }\n//"));
    mustFail(this::casts, "a misaligned access");
    mustFail(this::gathersRowsFromAnywhere, "out of bounds: 16 bytes");
    mustFail(this::normalizesImagesAsLargeAsTheResult, "a race in shared memory");
    mustFail(this::findsTheLargest, "a race in shared memory");
    mustFail(this::countsMagnitudes, "a race in shared memory");
  }

  @Test
  void noticesALaunchWithoutItsSharedMemory() {
    machine.close();
    machine =
        new HostMachine(library) {
          @Override
          int sharedBytes(KernelCall call) {
            return Math.max(0, call.sharedBytes() - 4);
          }
        };
    mustFail(this::countsMagnitudes, "out of bounds: 4 bytes");
  }
}
