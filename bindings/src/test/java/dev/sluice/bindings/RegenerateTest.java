package dev.sluice.bindings;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The script that makes the generated sources anew, with stand-ins for jextract. */
class RegenerateTest {
  private static final Path SOURCES =
      Path.of(System.getProperty("sluice.root"), "bindings/src/generated");
  private static final List<String> LIBRARIES = List.of("cuda", "nvrtc", "nvml");

  @TempDir private Path folder;

  @BeforeEach
  void copy() throws IOException {
    Files.copy(SOURCES.resolve("regenerate"), folder.resolve("regenerate"));
    for (String library : LIBRARIES) {
      Files.copy(SOURCES.resolve(library + ".symbols"), folder.resolve(library + ".symbols"));
      Files.createDirectories(old(library).getParent());
      Files.writeString(old(library), "old " + library);
    }
    Files.createDirectories(folder.resolve("include"));
    for (String header : List.of("cuda.h", "nvrtc.h", "nvml.h")) {
      Files.writeString(folder.resolve("include").resolve(header), "");
    }
  }

  private Path generated(String library) {
    return folder.resolve("java/dev/sluice/bindings/" + library + "/generated");
  }

  private Path old(String library) {
    return generated(library).resolve("Old.java");
  }

  /**
   * Runs the script.
   *
   * @param jextract a shell script; {@code $class} is the name of the class that it is to write,
   *     and {@code $out} its folder
   */
  private String run(String jextract, int status) throws IOException, InterruptedException {
    Path program = folder.resolve("jextract");
    Files.writeString(
        program,
        """
        #!/usr/bin/env bash
        while [[ $# -gt 0 ]]; do
          case $1 in
            -t) package=$2 ;;
            --header-class-name) class=$2 ;;
            --output) output=$2 ;;
          esac
          shift
        done
        out=$output/${package//.//}
        mkdir -p "$out"
        """
            + jextract);
    assertThat(program.toFile().setExecutable(true)).isTrue();
    return run(program, status);
  }

  private String run(Path jextract, int status) throws IOException, InterruptedException {
    String include = folder.resolve("include").toString();
    Process process =
        new ProcessBuilder(
                "bash",
                folder.resolve("regenerate").toString(),
                jextract.toString(),
                include,
                include,
                include,
                include)
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isEqualTo(status);
    return said;
  }

  private void assertThatNothingChanged() throws IOException {
    for (String library : LIBRARIES) {
      assertThat(generated(library)).isDirectoryContaining(old(library)::equals);
      assertThat(old(library)).hasContent("old " + library);
      assertThat(generated(library).toFile().list()).hasSize(1);
    }
  }

  @Test
  void putsWhatJextractMadeInPlaceOfTheOld() throws Exception {
    run("echo \"public class $class {}\" > \"$out/$class.java\"", 0);
    assertThat(generated("nvml").toFile().list()).containsExactly("NvmlHeader.java");
    assertThat(generated("cuda").resolve("CudaHeader.java"))
        .hasContent("public class CudaHeader {}");
  }

  @Test
  void keepsTheOldWithoutJextractOrAHeader() throws Exception {
    assertThat(run(folder.resolve("nothing"), 2)).contains("nothing");
    assertThatNothingChanged();
    Files.delete(folder.resolve("include/nvml.h"));
    assertThat(run("echo \"class $class {}\" > \"$out/$class.java\"", 2)).contains("nvml.h");
    assertThatNothingChanged();
  }

  @Test
  void keepsTheOldWhereJextractFailsAtTheLastHeader() throws Exception {
    run("echo x > \"$out/$class.java\"; [[ $class != NvmlHeader ]]", 1);
    assertThatNothingChanged();
    assertThat(run("[[ $class == NvmlHeader ]] || echo x > \"$out/$class.java\"", 1))
        .contains("NvmlHeader.java");
    assertThatNothingChanged();
  }
}
