package dev.sluice.engine.stage;

import dev.sluice.kernels.StageMachine;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** Stages launched on the kernels' own sources, compiled for the host, against the references. */
class HostStagesTest extends DeviceStagesContract {
  @TempDir private static Path folder;
  private static Arena library;
  private static StageMachine.Host compiled;

  @BeforeAll
  @SuppressWarnings("MustBeClosedChecker") // closed by close
  static void openLibrary() throws Exception {
    library = Arena.ofShared();
    compiled = StageMachine.compile(folder, library);
  }

  @AfterAll
  static void closeLibrary() {
    library.close();
  }

  @Override
  StageMachine machine() {
    return StageMachine.host(compiled);
  }
}
