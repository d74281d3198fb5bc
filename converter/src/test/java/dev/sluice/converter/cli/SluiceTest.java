package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.NativeException;
import dev.sluice.engine.Admission;
import dev.sluice.engine.InferenceException;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.plan.PlanException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;

@Timeout(60)
class SluiceTest {
  @Test
  void helpAndVersionGoToStandardOutput() {
    assertThat(Cli.run("--help").done().out()).contains("build", "doctor", "Exit status");
    assertThat(Cli.run("--version").done().out()).startsWith("sluice ");
    assertThat(Cli.run("run", "--help").done().out()).contains("--input", "NAME=FILE");
  }

  @Test
  void unknownCommandsAreRefusedWithAHint() {
    Cli.run().refused(2, "a command is missing", "Try 'sluice --help'.");
    Cli.run("biuld").refused(2, "biuld", "Did you mean", "build");
    Cli.run("build").refused(2, "MODEL.onnx", "Try 'sluice build --help'.");
  }

  @Test
  void eachKindOfFailureHasItsStatus() {
    assertThat(Failures.status(new BackendException("x", null))).isEqualTo(1);
    assertThat(Failures.status(new InferenceException(Admission.FULL))).isEqualTo(1);
    assertThat(Failures.status(new NativeException("f", "", "FAIL", 1, "", ""))).isEqualTo(1);
    assertThat(Failures.status(new OutOfMemoryError())).isEqualTo(1);
    assertThat(Failures.status(new IllegalStateException())).isEqualTo(1);
    assertThat(Failures.status(new NoSuchFileException("f"))).isEqualTo(2);
    AccessDeniedException denied = new AccessDeniedException("f");
    assertThat(Failures.status(denied)).isEqualTo(2);
    assertThat(Failures.status(new UncheckedIOException(denied))).isEqualTo(2);
    assertThat(Failures.message(new UncheckedIOException(denied))).contains("no permission");
    assertThat(Failures.status(new FileSystemException("f", null, "No space left on device")))
        .isEqualTo(1);
    assertThat(Failures.status(new BadInputException("x"))).isEqualTo(2);
    assertThat(Failures.status(new PlanException("x"))).isEqualTo(2);
    assertThat(Failures.message(new PlanException("x"))).isEqualTo("x");
    assertThat(Failures.status(new ClosedByInterruptException())).isEqualTo(1);
    assertThat(Failures.message(new ClosedByInterruptException())).isEqualTo("interrupted");
    assertThat(Failures.status(new BelowBarException("x"))).isEqualTo(3);
    assertThat(Failures.message(new NoSuchFileException("f"))).contains("f", "check the path");
    assertThat(Failures.message(new IllegalStateException("x"))).contains("defect", "--debug");
  }

  @Test
  void whatTheSystemRefusesIsToldInWords() {
    assertThat(Failures.message(new FileSystemException("f", null, "No space left on device")))
        .isEqualTo(
            "f: the disk is full (No space left on device); make room, or name another place");
    assertThat(Failures.message(new IOException("No space left on device")))
        .isEqualTo("the disk is full; make room, or name another place");
    assertThat(Failures.message(new FileSystemException("f", null, "Read-only file system")))
        .isEqualTo("f: Read-only file system; name another file or folder");
    assertThat(Failures.message(new FileAlreadyExistsException("f")))
        .isEqualTo("f: is there already; name another file or folder");
    assertThat(Failures.message(new DirectoryNotEmptyException("f"))).contains("is not empty; ");
    assertThat(Failures.message(new NotDirectoryException("f"))).contains("is no folder; ");
    assertThat(Failures.message(new FileSystemLoopException("f"))).contains("leads to itself; ");
    assertThat(Failures.message(new FileSystemException("f"))).contains("refuses it; ");
    // Of this project: it says already what to do.
    assertThat(Failures.message(new NoSuchFileException("f", null, "gone; look elsewhere")))
        .isEqualTo("f: gone; look elsewhere");
    Error fault = new InternalError("a fault occurred in a recent unsafe memory access operation");
    assertThat(Failures.message(fault)).startsWith("a file was cut off").contains("; ");
    assertThat(Failures.message(new InternalError("x"))).contains("defect");
  }

  @Test
  void theDoctorTellsOfBothBackends() {
    JsonNode backends = Cli.run("doctor", "--json").done().json().get("backends");
    JsonNode cpu = backends.get("cpu");
    assertThat(cpu.get("ok").asBoolean()).isTrue();
    assertThat(cpu.get("onnxRuntime").asString()).isNotBlank();
    assertThat(cpu.get("cores").asInt()).isPositive();
    JsonNode cuda = backends.get("cuda");
    assertThat(cuda.get("missing").isEmpty()).isEqualTo(cuda.get("ok").asBoolean());
    assertThat(cuda.get("remedy").isEmpty()).isEqualTo(cuda.get("ok").asBoolean());
    assertThat(cuda.get("nvrtc").has("version")).isNotEqualTo(cuda.get("nvrtc").has("missing"));
    assertThat(cuda.get("tensorRt").isNull()).isNotEqualTo(cuda.get("ok").asBoolean());
    assertThat(cuda.get("redistributableBuilds").asString()).isEqualTo("not measured yet");
    assertThat(cuda.get("nvml").asString()).isNotBlank();
    assertThat(cuda.get("gpus").isEmpty()).isNotEqualTo(cuda.get("nvml").asString().equals("ok"));
    assertThat(Cli.run("doctor").done().out())
        .contains("cpu: ok", "ONNX Runtime", "cuda: ", "compiler");
  }
}
