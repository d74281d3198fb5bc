package dev.sluice.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** The CUDA sources compiled as C++ and run on the host; src/test/cuda says how. */
final class HostMachine implements KernelMachine {
  private final MethodHandle launch;
  private Arena arena = Arena.ofShared();

  /** On sources that {@link #compile} made. */
  HostMachine(MethodHandle launch) {
    this.launch = launch;
  }

  /**
   * Compiles the sources; the test is skipped where there is no g++.
   *
   * @param defines macros for the compiler
   * @param library stays loaded until the arena is closed
   */
  static MethodHandle compile(Path folder, Arena library, String... defines)
      throws IOException, InterruptedException {
    Path module = Path.of(System.getProperty("sluice.root", "..")).resolve("kernels");
    Path shim = module.resolve("src/test/cuda");
    Path file = folder.resolve("kernels" + String.join("", defines) + ".so");
    List<String> command = new ArrayList<>(List.of("g++", "-std=c++17", "-O2", "-shared"));
    Collections.addAll(command, "-fPIC", "-ffp-contract=off", "-fno-strict-aliasing", "-Wall");
    // A device refuses what is not aligned; here it ends the JVM.
    Collections.addAll(
        command,
        "-Werror",
        "-Wno-unknown-pragmas",
        "-fsanitize=undefined",
        "-fsanitize-undefined-trap-on-error");
    for (String define : defines) {
      command.add("-D" + define);
    }
    Collections.addAll(command, "-I", shim.toString());
    Collections.addAll(command, "-I", module.resolve("src/main/cuda").toString());
    Collections.addAll(command, "-o", file.toString(), shim.resolve("host_shim.cc").toString());
    Process process;
    try {
      process = new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      System.out.println("skipped: no g++ to compile the kernels with: " + e.getMessage());
      return abort("no g++: " + e.getMessage());
    }
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    MemorySegment symbol = SymbolLookup.libraryLookup(file, library).findOrThrow("shim_launch");
    return Linker.nativeLinker()
        .downcallHandle(
            symbol,
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT,
                ValueLayout.ADDRESS,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT,
                ValueLayout.ADDRESS));
  }

  @Override
  public long place(MemorySegment bytes, int offset) {
    MemorySegment place = arena.allocate(bytes.byteSize() + offset, 256);
    place.asSlice(offset).copyFrom(bytes);
    return place.address() + offset;
  }

  @Override
  public void run(KernelCall call) {
    try (Arena name = Arena.ofConfined()) {
      int status =
          (int)
              launch.invokeExact(
                  name.allocateFrom(call.kernel().function()),
                  call.gridX(),
                  call.gridY(),
                  call.block(),
                  call.arguments());
      assertThat(status).as("%s: 1 unknown, 2 threads wait for ever", call).isZero();
    } catch (Throwable e) {
      throw e instanceof AssertionError error ? error : new AssertionError(e);
    }
  }

  @Override
  public void fetch(long address, MemorySegment into) {
    into.copyFrom(MemorySegment.ofAddress(address).reinterpret(into.byteSize()));
  }

  @Override
  @SuppressWarnings("MustBeClosedChecker") // closed by close
  public void clear() {
    arena.close();
    arena = Arena.ofShared();
  }

  @Override
  public void close() {
    arena.close();
  }
}
