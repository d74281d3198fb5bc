package dev.sluice.bindings.nvrtc;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.NativeHandle;
import dev.sluice.bindings.cuda.LibrarySearch;
import dev.sluice.bindings.library.SharedLibrary;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * NVRTC: compiles CUDA C++ for a device. It needs neither a GPU nor a driver.
 *
 * <p>A driver of CUDA 13.0 does not load PTX of a newer NVRTC, but it does load cubins for its
 * devices: so {@link #compile} makes cubins only.
 *
 * <p>Thread safety: any thread may call.
 */
public final class Nvrtc {
  /** The library of CUDA 13. */
  public static final String LIBRARY = "libnvrtc.so.13";

  /** A system property: the file to load, instead of looking for one. */
  public static final String PROPERTY = "sluice.nvrtc";

  private static final String REMEDY =
      "install NVRTC of CUDA 13 (the package cuda-nvrtc-13-0, or pip's nvidia-cuda-nvrtc), or name"
          + " its file by the system property "
          + PROPERTY;

  private static final System.Logger LOG = System.getLogger(Nvrtc.class.getName());

  private final NvrtcApi api;
  private final String library;

  /**
   * NVRTC behind an interface.
   *
   * @param library what it is, in messages
   */
  public Nvrtc(NvrtcApi api, String library) {
    this.api = Objects.requireNonNull(api, "api");
    this.library = Objects.requireNonNull(library, "library");
  }

  /**
   * Loads this machine's: the file that the property names, else what the system's loader finds,
   * else what lies where CUDA is commonly installed.
   *
   * @throws NativeException where there is none, or it lacks a function; the message lists what was
   *     tried
   */
  public static Nvrtc load() {
    String named = System.getProperty(PROPERTY, "");
    if (!named.isEmpty()) {
      return load(List.of(named));
    }
    List<String> candidates = new ArrayList<>(List.of(LIBRARY));
    LibrarySearch.ofMachine()
        .findAll(LIBRARY)
        .forEach(found -> candidates.add(found.file().toString()));
    return load(candidates);
  }

  /** Loads the first of these that is a whole NVRTC. */
  static Nvrtc load(List<String> candidates) {
    List<String> reasons = new ArrayList<>();
    for (String candidate : candidates) {
      try {
        if (candidate.contains("/")) {
          openBuiltins(Path.of(candidate).toAbsolutePath().getParent());
        }
        FfmNvrtcApi api = new FfmNvrtcApi(SharedLibrary.open(candidate));
        if (api.missingSymbols().isEmpty()) {
          return new Nvrtc(api, candidate);
        }
        reasons.add(candidate + " lacks " + String.join(", ", api.missingSymbols()));
      } catch (SharedLibrary.OpenException | InvalidPathException e) {
        reasons.add(candidate + ": " + e.getMessage());
      }
    }
    throw new NativeException(
        "dlopen", LIBRARY, "no NVRTC", -1, String.join("; ", reasons), REMEDY);
  }

  /**
   * Opens what NVRTC opens by its bare name when it compiles, so that it is found in a folder that
   * the system's loader does not know.
   */
  private static void openBuiltins(Path folder) {
    try (DirectoryStream<Path> files = Files.newDirectoryStream(folder, "libnvrtc-builtins.so*")) {
      for (Path file : files) {
        SharedLibrary.open(file.toString());
      }
    } catch (IOException | SharedLibrary.OpenException e) {
      // NVRTC itself says that it does not find them, when something is compiled.
      LOG.log(System.Logger.Level.DEBUG, "the builtins of NVRTC in " + folder, e);
    }
  }

  /** Which library it is. */
  public String library() {
    return library;
  }

  /** The version, as in {@code 13.0}. */
  public String version() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment major = arena.allocate(JAVA_INT);
      MemorySegment minor = arena.allocate(JAVA_INT);
      check(api.nvrtcVersion(major, minor), "nvrtcVersion", "", "");
      return major.get(JAVA_INT, 0) + "." + minor.get(JAVA_INT, 0);
    }
  }

  /** The architectures that it compiles for, as in 90 for compute capability 9.0, ascending. */
  public List<Integer> architectures() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment count = arena.allocate(JAVA_INT);
      check(api.nvrtcGetNumSupportedArchs(count), "nvrtcGetNumSupportedArchs", "", "");
      MemorySegment all = arena.allocate(JAVA_INT, Math.max(1, count.get(JAVA_INT, 0)));
      check(api.nvrtcGetSupportedArchs(all), "nvrtcGetSupportedArchs", "", "");
      List<Integer> architectures = new ArrayList<>();
      for (int i = 0; i < count.get(JAVA_INT, 0); i++) {
        architectures.add(all.getAtIndex(JAVA_INT, i));
      }
      return architectures;
    }
  }

  /**
   * Compiles a source. What the compiler warns of goes to the log.
   *
   * @param name the source's name in messages
   * @param source CUDA C++
   * @param headers what it may include, by the names that it includes them by
   * @param architecture as in 90: the cubin is for devices of that major version, from this minor
   *     on
   * @param options of the compiler, beside the architecture
   * @return the cubin
   * @throws NativeException with the compiler's log where it does not compile, or where this NVRTC
   *     does not know the architecture
   */
  public byte[] compile(
      String name,
      String source,
      Map<String, String> headers,
      int architecture,
      List<String> options) {
    if (!architectures().contains(architecture)) {
      throw new NativeException(
          "nvrtcCompileProgram",
          name + ", sm_" + architecture,
          "unknown architecture",
          -1,
          library + " compiles for " + architectures(),
          "install an NVRTC that knows the device");
    }
    try (Arena arena = Arena.ofConfined();
        NativeHandle program = create(arena, name, source, headers)) {
      List<String> all = new ArrayList<>(List.of("--gpu-architecture=sm_" + architecture));
      all.addAll(options);
      int status = api.nvrtcCompileProgram(program.raw(), all.size(), strings(arena, all));
      String log = log(arena, program.raw());
      check(status, "nvrtcCompileProgram", name + ", " + String.join(" ", all), log);
      if (!log.isBlank()) {
        LOG.log(System.Logger.Level.WARNING, "NVRTC on " + name + ": " + log.strip());
      }
      MemorySegment size = arena.allocate(JAVA_LONG);
      check(api.nvrtcGetCUBINSize(program.raw(), size), "nvrtcGetCUBINSize", name, "");
      MemorySegment cubin = arena.allocate(size.get(JAVA_LONG, 0));
      check(api.nvrtcGetCUBIN(program.raw(), cubin), "nvrtcGetCUBIN", name, "");
      return cubin.toArray(JAVA_BYTE);
    }
  }

  private NativeHandle create(
      Arena arena, String name, String source, Map<String, String> headers) {
    List<String> names = List.copyOf(headers.keySet());
    List<String> texts = names.stream().map(headers::get).toList();
    MemorySegment program = arena.allocate(JAVA_LONG);
    int status =
        api.nvrtcCreateProgram(
            program,
            arena.allocateFrom(source),
            arena.allocateFrom(name),
            names.size(),
            strings(arena, texts),
            strings(arena, names));
    check(status, "nvrtcCreateProgram", name, "");
    return NativeHandle.own(
        "nvrtcProgram",
        name,
        program.get(JAVA_LONG, 0),
        _ -> check(api.nvrtcDestroyProgram(program), "nvrtcDestroyProgram", name, ""));
  }

  /** An array of C strings, or null where there is none. */
  private static MemorySegment strings(Arena arena, List<String> texts) {
    if (texts.isEmpty()) {
      return MemorySegment.NULL;
    }
    MemorySegment array = arena.allocate(ADDRESS, texts.size());
    for (int i = 0; i < texts.size(); i++) {
      array.setAtIndex(ADDRESS, i, arena.allocateFrom(texts.get(i)));
    }
    return array;
  }

  private String log(Arena arena, long program) {
    MemorySegment size = arena.allocate(JAVA_LONG);
    if (api.nvrtcGetProgramLogSize(program, size) != 0 || size.get(JAVA_LONG, 0) <= 1) {
      return "";
    }
    MemorySegment log = arena.allocate(size.get(JAVA_LONG, 0));
    return api.nvrtcGetProgramLog(program, log) == 0 ? log.getString(0) : "";
  }

  private void check(int code, String function, String arguments, String log) {
    if (code == NvrtcStatus.SUCCESS.code()) {
      return;
    }
    NvrtcStatus status = NvrtcStatus.of(code).orElse(null);
    throw new NativeException(
        function,
        arguments,
        status == null ? unknownName(code) : status.cName(),
        code,
        log,
        status == null ? "see nvrtcResult in the documentation of NVRTC" : status.remedy());
  }

  /** The library's own name of a result that is newer than this list. */
  private String unknownName(int code) {
    long text = api.nvrtcGetErrorString(code);
    return text == 0
        ? "nvrtcResult"
        : MemorySegment.ofAddress(text).reinterpret(Long.MAX_VALUE).getString(0);
  }

  @Override
  public String toString() {
    return "NVRTC " + version() + " (" + library + ")";
  }
}
