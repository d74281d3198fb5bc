package dev.sluice.service;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.ForkedJvm;
import dev.sluice.bindings.onnxruntime.TinyModel;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReference;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a service on the module path sees, and what it gets on its class path. */
class ModulePathTest {
  /** What tests add to the class path of a service. */
  private static final Set<String> TEST_GROUPS =
      Set.of(
          "junit",
          "opentest4j",
          "apiguardian",
          "assertj",
          "byte-buddy",
          "surefire",
          "jspecify",
          "jcstress",
          "jopt-simple",
          "jna");

  @TempDir private Path folder;

  /** The class path of a service that uses the engine: this one's without the tests' own. */
  private static List<Path> runtimeClassPath() {
    Predicate<Path> runtime =
        path ->
            !path.endsWith("test-classes")
                && !path.getFileName().toString().endsWith("-tests.jar")
                && TEST_GROUPS.stream().noneMatch(path.getFileName().toString()::contains);
    return Stream.of(System.getProperty("java.class.path").split(File.pathSeparator, -1))
        .filter(entry -> !entry.isEmpty())
        .map(Path::of)
        .filter(Files::exists)
        .filter(runtime)
        .toList();
  }

  @Test
  void aModelRunsWithNativeAccessForBindingsAloneAndNothingOnStderr() throws Exception {
    Path model = folder.resolve("model.onnx");
    Files.write(model, TinyModel.identity(ElementType.FLOAT, "N", 2).toArray(JAVA_BYTE));
    String modulePath =
        runtimeClassPath().stream().map(Path::toString).collect(Collectors.joining(":"));
    Path main = Path.of(Serve.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    // Without --illegal-native-access=deny a use outside of bindings would only warn.
    List<String> arguments =
        List.of(
            "--enable-native-access=dev.sluice.bindings",
            "--illegal-native-access=deny",
            "--module-path",
            modulePath,
            "--add-modules",
            "dev.sluice.engine",
            "-cp",
            main.toString(),
            Serve.class.getName(),
            model.toString());
    ForkedJvm.Result result = ForkedJvm.start(folder, arguments).join();
    assertThat(result).isEqualTo(new ForkedJvm.Result(0, "module dev.sluice.engine 7.0\n", ""));
  }

  @Test
  void nothingOnTheClassPathOfAServiceUsesUnsafe() throws IOException {
    List<Path> classPath = runtimeClassPath();
    Set<String> modules =
        ModuleFinder.of(classPath.toArray(Path[]::new)).findAll().stream()
            .map(ModuleReference::descriptor)
            .map(descriptor -> descriptor.name())
            .collect(Collectors.toSet());
    assertThat(modules)
        .contains(
            "dev.sluice.engine",
            "dev.sluice.kernels",
            "dev.sluice.bindings",
            "com.microsoft.onnxruntime",
            "tools.jackson.databind");
    List<String> users = new ArrayList<>();
    for (Path entry : classPath) {
      users.addAll(unsafeUsers(entry));
    }
    assertThat(users).isEmpty();
  }

  @Test
  void aUserOfUnsafeWouldBeFound() throws IOException {
    Path classes = Files.createDirectories(folder.resolve("classes"));
    Files.writeString(classes.resolve("User.class"), "....sun/misc/Unsafe....");
    assertThat(unsafeUsers(classes)).containsExactly("classes: User.class");
  }

  private static List<String> unsafeUsers(Path entry) throws IOException {
    List<String> users = new ArrayList<>();
    String prefix = entry.getFileName() + ": ";
    if (Files.isDirectory(entry)) {
      try (Stream<Path> tree = Files.walk(entry)) {
        for (Path file : tree.filter(f -> f.toString().endsWith(".class")).toList()) {
          if (mentionsUnsafe(Files.readAllBytes(file))) {
            users.add(prefix + entry.relativize(file));
          }
        }
      }
      return users;
    }
    try (ZipFile jar = new ZipFile(entry.toFile())) {
      for (ZipEntry file : jar.stream().filter(f -> f.getName().endsWith(".class")).toList()) {
        try (InputStream in = jar.getInputStream(file)) {
          if (mentionsUnsafe(in.readAllBytes())) {
            users.add(prefix + file.getName());
          }
        }
      }
    }
    return users;
  }

  /** A class that uses another has its name in the constant pool, in plain bytes. */
  private static boolean mentionsUnsafe(byte[] classFile) {
    return new String(classFile, StandardCharsets.ISO_8859_1).contains("sun/misc/Unsafe");
  }
}
