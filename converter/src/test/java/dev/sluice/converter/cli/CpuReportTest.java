package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CpuReportTest {
  @TempDir Path folder;

  private Path file(String name, String content) throws IOException {
    return Files.writeString(folder.resolve(name), content);
  }

  @Test
  void readsTheQuotaOfBothKindsOfControlGroups() throws IOException {
    Path none = folder.resolve("none");
    Path period = file("period", "100000\n");
    assertThat(CpuReport.quotaCores(file("a", "150000 100000\n"), none, none)).isEqualTo(1.5);
    assertThat(CpuReport.quotaCores(file("b", "max 100000\n"), none, none)).isNull();
    assertThat(CpuReport.quotaCores(none, file("c", "200000\n"), period)).isEqualTo(2);
    assertThat(CpuReport.quotaCores(none, file("d", "-1\n"), period)).isNull();
    assertThat(CpuReport.quotaCores(none, none, none)).isNull();
    assertThat(CpuReport.quotaCores(file("e", "nonsense"), none, none)).isNull();
  }

  @Test
  void labelsAreWords() {
    assertThat(CpuReport.label("quotaCores")).isEqualTo("quota cores");
    assertThat(CpuReport.label("onnxRuntimeLibrary")).isEqualTo("ONNX Runtime library");
  }
}
