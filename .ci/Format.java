import com.google.googlejavaformat.java.Formatter;
import com.google.googlejavaformat.java.RemoveUnusedImports;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Checks ({@code --check}) or rewrites ({@code --write}) the Java sources of the project with
 * google-java-format. Generated sources are left alone.
 */
final class Format {
  private Format() {}

  public static void main(String[] args) throws Exception {
    boolean write = args[0].equals("--write");
    Path root = Path.of(args[1]);
    List<Path> changed = new ArrayList<>();
    for (Path file : sources(root)) {
      String text = Files.readString(file);
      String formatted = new Formatter().formatSource(RemoveUnusedImports.removeUnusedImports(text));
      if (!formatted.equals(text)) {
        changed.add(root.relativize(file));
        if (write) {
          Files.writeString(file, formatted);
        }
      }
    }
    if (!write && !changed.isEmpty()) {
      changed.forEach(file -> System.err.println("not formatted: " + file));
      System.err.println("run 'mvn validate -Dsluice.format=--write' to format the files above");
      System.exit(1);
    }
    if (write) {
      System.out.println("formatted " + changed.size() + " files");
    }
  }

  private static List<Path> sources(Path root) throws IOException {
    List<Path> files = new ArrayList<>();
    for (String module : List.of("bindings", "kernels", "engine", "converter", "bench")) {
      try (Stream<Path> tree = Files.walk(root.resolve(module).resolve("src"))) {
        tree.filter(p -> p.toString().endsWith(".java"))
            .filter(p -> !p.startsWith(root.resolve(module).resolve("src/generated")))
            .forEach(files::add);
      }
    }
    return files;
  }
}
