package dev.sluice.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The CUDA sources compiled as C++ and run on the host; src/test/cuda says how. */
class HostMachine implements KernelMachine {
  private static final Path MODULE =
      Path.of(System.getProperty("sluice.root", "..")).resolve("kernels");
  private static final Path SHIM = MODULE.resolve("src/test/cuda");

  /** The sources that are shipped. */
  static final Path SOURCES = MODULE.resolve("src/main/cuda");

  private final Library library;
  private Arena arena = Arena.ofShared();

  /** What the sources became. */
  record Library(MethodHandle launch, MethodHandle addBuffer, MethodHandle forgetBuffers) {}

  /** On sources that {@link #compile} made. */
  HostMachine(Library library) {
    this.library = library;
  }

  /**
   * Compiles the sources of a folder; the test is skipped where there is no g++.
   *
   * @param folder for what the compiler makes
   * @param loaded the library stays loaded until it is closed
   */
  static Library compile(Path sources, Path folder, Arena loaded)
      throws IOException, InterruptedException {
    Path shim = folder.resolve("shim.o");
    Path kernels = folder.resolve("kernels.o");
    Path file = folder.resolve("kernels.so");
    String shimSource = SHIM.resolve("host_shim.cc").toString();
    gcc("-std=c++17", "-O2", "-fPIC", "-Wall", "-Werror", "-c", shimSource, "-o", shim.toString());
    // Without -fno-store-merging neighbouring bytes are stored at once, which no device does.
    String options =
        "-std=c++17 -O1 -fPIC -Wall -Werror -Wno-unknown-pragmas -ffp-contract=off"
            + " -fno-strict-aliasing -fno-store-merging -fsanitize=thread,undefined"
            + " -fno-sanitize=alignment -fsanitize-undefined-trap-on-error -c -o";
    List<String> command = new ArrayList<>(Arrays.asList(options.split(" ")));
    command.addAll(List.of(kernels.toString(), "-I" + SHIM, "-I" + sources));
    command.add(SHIM.resolve("kernels.cc").toString());
    gcc(command.toArray(String[]::new));
    gcc("-shared", shim.toString(), kernels.toString(), "-o", file.toString());
    SymbolLookup symbols = SymbolLookup.libraryLookup(file, loaded);
    MemoryLayout number = ValueLayout.JAVA_INT;
    MemoryLayout address = ValueLayout.ADDRESS;
    return new Library(
        handle(
            symbols,
            "shim_launch",
            FunctionDescriptor.of(address, address, number, number, number, number, address)),
        handle(
            symbols,
            "shim_add_buffer",
            FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG)),
        handle(symbols, "shim_forget_buffers", FunctionDescriptor.ofVoid()));
  }

  private static MethodHandle handle(SymbolLookup symbols, String name, FunctionDescriptor type) {
    return Linker.nativeLinker().downcallHandle(symbols.findOrThrow(name), type);
  }

  private static void gcc(String... options) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("g++"));
    command.addAll(List.of(options));
    Process process;
    try {
      process = new ProcessBuilder(command).redirectErrorStream(true).start();
    } catch (IOException e) {
      System.out.println("skipped: no g++ to compile the kernels with: " + e.getMessage());
      abort("no g++: " + e.getMessage());
      return;
    }
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
  }

  @Override
  public long place(MemorySegment bytes, int offset, int guard) {
    MemorySegment place = arena.allocate(bytes.byteSize() + offset, 256);
    place.asSlice(offset).copyFrom(bytes);
    long address = place.address() + offset;
    try {
      library.addBuffer.invokeExact(address + guard, bytes.byteSize() - 2L * guard);
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
    return address;
  }

  /** Bytes of dynamic shared memory that a launch gets. */
  int sharedBytes(KernelCall call) {
    return call.sharedBytes();
  }

  @Override
  public void run(KernelCall call) {
    MemorySegment failure;
    try (Arena name = Arena.ofConfined()) {
      failure =
          (MemorySegment)
              library.launch.invokeExact(
                  name.allocateFrom(call.kernel().function()),
                  call.gridX(),
                  call.gridY(),
                  call.block(),
                  sharedBytes(call),
                  call.arguments());
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
    if (failure.address() != 0) {
      throw new AssertionError(call + ": " + failure.reinterpret(Long.MAX_VALUE).getString(0));
    }
  }

  @Override
  public void fetch(long address, MemorySegment into) {
    into.copyFrom(MemorySegment.ofAddress(address).reinterpret(into.byteSize()));
  }

  @Override
  @SuppressWarnings("MustBeClosedChecker") // closed by close
  public void clear() {
    close();
    arena = Arena.ofShared();
  }

  @Override
  public void close() {
    arena.close();
    try {
      library.forgetBuffers.invokeExact();
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }
}
