package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.image.ImageFolder;
import dev.sluice.converter.image.TestImages;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.Inputs;
import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.stage.InputStage;
import dev.sluice.engine.stage.InputStageSpec;
import dev.sluice.engine.stage.StagePlan;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Memory and time of a command that has an engine to itself. */
@Timeout(120)
class OneCallerTest {
  /** Longer than a service lets a caller keep a batch waiting. */
  private static final long SLOW_MS = 1_200;

  @TempDir Path folder;

  /** Takes its time for each batch, as the decoding of 64 photographs does. */
  private record Slow(RowSource rowsOf) implements RowSource {
    @Override
    public int input() {
      return rowsOf.input();
    }

    @Override
    public Shape shape() {
      return rowsOf.shape();
    }

    @Override
    public void write(long row, int rows, Inputs inputs, int at) throws IOException {
      try {
        Thread.sleep(SLOW_MS);
      } catch (InterruptedException e) {
        throw (IOException) new InterruptedIOException().initCause(e);
      }
      rowsOf.write(row, rows, inputs, at);
    }
  }

  private static EngineOptions.Builder onCpu() {
    return EngineOptions.builder().device("cpu");
  }

  @Test
  void aSourceThatIsSlowIsWaitedFor() throws Exception {
    Path built = Models.built(Models.product(folder), "--batch", "1:2:2");
    Path data = Files.createDirectory(folder.resolve("data"));
    Path file = Models.floats(data.resolve("x.npy"), Shape.of(3, 3), 1, 0, 0, 0, 1, 0, 0, 0, 1);
    Served served = Served.of(built);
    RunInputs read = RunInputs.read(List.of("x=" + file), served);
    Slow slow = new Slow(read.sources().getFirst());
    RunInputs inputs = RunInputs.checked(Map.of("x", slow), served, null);
    try (Engine engine = Engine.open(built, OneCaller.options(onCpu(), served, List.of(inputs)))) {
      assertThat(engine.maxBatch()).isEqualTo(2);
      Tensor y = PackageRun.of(engine, inputs, false).getFirst();
      assertThat(y.shape()).isEqualTo(Shape.of(3, 2));
    }
  }

  /** What callers see of x [N,3,8,8] behind this stage. */
  private static Served served(String stage) {
    TensorSpec x = new TensorSpec("x", ElementType.FLOAT, Shape.of(-1, 3, 8, 8));
    TensorSpec y = new TensorSpec("y", ElementType.FLOAT, Shape.of(-1, 9));
    StagePlan plan =
        StagePlan.of(
            new Signature(List.of(x), List.of(y)),
            true,
            List.of(InputStageSpec.parse(stage).resolve(x)));
    return new Served(plan.served(), plan, true, 64);
  }

  private int rowsAtOnce(Served served, int images) throws Exception {
    Path many = Files.createDirectory(folder.resolve("images-" + images));
    for (int i = 0; i < images; i++) {
      TestImages.write(many.resolve(i + ".png"), TestImages.plain(8, 8, i));
    }
    InputStage stage = served.stages().inputs().getFirst().stage();
    RowSource source = new RowSource.Images(0, stage, ImageFolder.of(many));
    RunInputs inputs = RunInputs.checked(Map.of("x", source), served, null);
    return OneCaller.options(onCpu(), served, List.of(inputs)).maxBatch();
  }

  @Test
  void noMoreRowsThanAreGivenAndThanFitTheMemory() throws Exception {
    assertThat(rowsAtOnce(served("x=u8"), 3)).isEqualTo(3);
    assertThat(rowsAtOnce(served("x=u8"), 70)).isEqualTo(64);
    // 50 MB a row.
    assertThat(rowsAtOnce(served("x=u8,resize=8x8,max=4096x4096"), 5)).isEqualTo(2);
    assertThat(rowsAtOnce(served("x=u8,resize=8x8,max=1024x16384"), 1)).isEqualTo(1);
  }

  @Test
  void rowsOfArraysCountByTheirOwnShape() throws Exception {
    TensorSpec x = new TensorSpec("x", ElementType.FLOAT, Shape.of(-1, -1));
    Signature signature = new Signature(List.of(x), List.of(x));
    Served served = new Served(signature, StagePlan.NONE, true, 64);
    Path file = Models.floats(folder.resolve("x.npy"), Shape.of(2, 3), new float[6]);
    RunInputs two = RunInputs.read(List.of("x=" + file), served);
    assertThat(OneCaller.options(onCpu(), served, List.of(two)).maxBatch()).isEqualTo(2);
    Tensor wide = new Tensor(ElementType.FLOAT, Shape.of(9, 10 << 20), null, null);
    RunInputs large =
        RunInputs.checked(
            Map.of("x", new RowSource.Arrays(0, StoredTensor.of(wide))), served, null);
    assertThat(OneCaller.options(onCpu(), served, List.of(two, large)).maxBatch()).isEqualTo(3);
  }
}
