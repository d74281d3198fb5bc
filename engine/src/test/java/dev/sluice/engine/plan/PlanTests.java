package dev.sluice.engine.plan;

import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** What the tests of plans share. */
final class PlanTests {
  static final PlanTarget TARGET =
      new PlanTarget(ScriptedTensorRt.VERSION, "NVIDIA H100 80GB HBM3", 9, 0);

  private PlanTests() {}

  static PlanKey key(PlanOptions options) {
    return new PlanKey(
        "a".repeat(64), "b".repeat(64), List.of(rows("x", 1, 8, 8)), options, TARGET);
  }

  static PlanKey key() {
    return key(PlanOptions.defaults());
  }

  static PlanProfile rows(String input, long min, long opt, long max) {
    return new PlanProfile(
        Map.of(input, new ShapeRange(List.of(min, 3L), List.of(opt, 3L), List.of(max, 3L))));
  }

  static PlanModel model() {
    return new PlanModel("tiny", Arena.ofAuto().allocate(8), List.of());
  }

  /** Sets the cache folder; the caller restores what this returns. */
  static String useCache(Path folder) {
    String before = System.getProperty("sluice.cache", "");
    System.setProperty("sluice.cache", folder.toString());
    return before;
  }
}
