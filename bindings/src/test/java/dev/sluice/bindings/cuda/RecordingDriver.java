package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A driver's library whose functions have the prototypes of a {@code cuda.h} and write down what
 * they were called with; compiled by gcc with that header, which also tells values of its
 * expressions.
 */
final class RecordingDriver {
  /** What every function returns. */
  static final int STATUS = 7;

  private static final int MAX_ARGUMENTS = 16;

  /** The last word of a parameter, which is its name; an array's brackets follow. */
  private static final Pattern NAME = Pattern.compile("(\\w+)\\s*(\\[\\d*])?$");

  /**
   * What a function was called with.
   *
   * @param function its name
   * @param arguments each, zero-extended to 64 bits
   */
  record Call(String function, List<Long> arguments) {}

  private final CudaApi api;
  private final MemorySegment function;
  private final MemorySegment count;
  private final MemorySegment arguments;
  private final MemorySegment values;

  private RecordingDriver(CudaApi api, SymbolLookup library, int expressions) {
    this.api = api;
    this.function = library.findOrThrow("recorded_called").reinterpret(ADDRESS.byteSize());
    this.count = library.findOrThrow("recorded_count").reinterpret(Integer.BYTES);
    this.arguments =
        library.findOrThrow("recorded_arguments").reinterpret((long) MAX_ARGUMENTS * Long.BYTES);
    this.values =
        library.findOrThrow("recorded_values").reinterpret((long) expressions * Long.BYTES);
  }

  /**
   * Compiles and loads one.
   *
   * @param folder where to write it
   * @param header a {@code cuda.h}
   * @param expressions constants in C that {@link #values} tells
   */
  static RecordingDriver compile(Path folder, Path header, List<String> expressions)
      throws IOException, InterruptedException {
    String include = "#include \"" + header.toRealPath() + "\"\n";
    String prototypes = preprocessed(folder, include);
    StringBuilder source = new StringBuilder(include);
    source
        .append("#include <stddef.h>\n")
        .append("const char *recorded_called; int recorded_count;\n")
        .append("unsigned long long recorded_arguments[" + MAX_ARGUMENTS + "];\n")
        .append("long long recorded_values[] = {\n  ")
        .append(String.join(",\n  ", expressions))
        .append("};\n");
    for (Method method : CudaApi.class.getMethods()) {
      source.append(recorder(method.getName(), prototypes));
    }
    Path file = StandInLibrary.compile("gcc", folder.resolve("libcuda.so.1"), source.toString());
    CudaDriverLoader.Result loaded = CudaDriverLoader.load(file);
    if (!loaded.missingSymbols().isEmpty()) {
      throw new AssertionError("missing: " + loaded.missingSymbols());
    }
    return new RecordingDriver(
        loaded.api().orElseThrow(),
        SymbolLookup.libraryLookup(file, Arena.global()),
        expressions.size());
  }

  /** The header as the compiler sees it, each run of white space one blank. */
  private static String preprocessed(Path folder, String include)
      throws IOException, InterruptedException {
    Path source = Files.writeString(folder.resolve("header.c"), include);
    Path output = folder.resolve("header.i");
    // The test is skipped by StandInLibrary where there is no gcc, which is asked first.
    StandInLibrary.compile("gcc", folder.resolve("empty.so"), "");
    Process gcc =
        new ProcessBuilder("gcc", "-E", "-P", "-o", output.toString(), source.toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(gcc.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (gcc.waitFor() != 0) {
      throw new AssertionError(said);
    }
    return Files.readString(output).replaceAll("\\s+", " ");
  }

  /** A function of the header's prototype that writes its arguments down. */
  private static String recorder(String name, String prototypes) {
    Matcher prototype =
        Pattern.compile("CUresult (?:__\\w+ )?" + name + " ?\\(([^;]*)\\) ?;").matcher(prototypes);
    if (!prototype.find()) {
      throw new AssertionError("the header has no " + name);
    }
    String parameters = prototype.group(1).strip();
    StringBuilder body = new StringBuilder();
    int number = 0;
    for (String parameter : parameters.equals("void") ? new String[0] : parameters.split(",", -1)) {
      Matcher parameterName = NAME.matcher(parameter.strip());
      if (!parameterName.find()) {
        throw new AssertionError(name + " has a parameter without a name: " + parameter);
      }
      body.append(
              " recorded_arguments["
                  + number++
                  + "] = (unsigned long long) "
                  + parameterName.group(1))
          .append(';');
    }
    return String.format(
        "CUresult %s(%s) { recorded_called = \"%s\"; recorded_count = %d;%s return (CUresult) %d; }%n",
        name, parameters, name, number, body, STATUS);
  }

  CudaApi api() {
    return api;
  }

  /** The latest call. */
  Call last() {
    List<Long> all = new ArrayList<>();
    for (int i = 0; i < count.get(JAVA_INT, 0); i++) {
      all.add(arguments.getAtIndex(JAVA_LONG, i));
    }
    String name = function.get(ADDRESS, 0).reinterpret(Long.MAX_VALUE).getString(0);
    return new Call(name, all);
  }

  /** The values of the expressions, by expression. */
  Map<String, Long> values(List<String> expressions) {
    Map<String, Long> all = new LinkedHashMap<>();
    for (int i = 0; i < expressions.size(); i++) {
      all.put(expressions.get(i), values.getAtIndex(JAVA_LONG, i));
    }
    return all;
  }
}
