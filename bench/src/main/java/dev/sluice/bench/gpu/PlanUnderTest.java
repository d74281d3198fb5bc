package dev.sluice.bench.gpu;

import dev.sluice.bench.models.GeneratedModel;
import dev.sluice.bench.models.ModelInput;
import dev.sluice.bindings.cuda.CudaDevice;
import dev.sluice.bindings.cuda.PrimaryContext;
import dev.sluice.converter.load.LoadGenerator;
import dev.sluice.converter.load.LoadPlan;
import dev.sluice.converter.load.LoadReport;
import dev.sluice.converter.load.PackageSamples;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.Request;
import dev.sluice.engine.Shape;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import dev.sluice.engine.backend.ShapeKey;
import dev.sluice.engine.cuda.CudaBackend;
import dev.sluice.engine.cuda.CudaModel;
import dev.sluice.engine.cuda.CudaOptions;
import dev.sluice.engine.cuda.GpuLibraries;
import dev.sluice.engine.format.Manifest;
import dev.sluice.engine.format.PackageReader;
import dev.sluice.engine.format.SluicePackage;
import dev.sluice.engine.plan.Plan;
import dev.sluice.engine.plan.PlanCache;
import dev.sluice.engine.plan.PlanLoader;
import dev.sluice.engine.plan.PlanProfile;
import dev.sluice.engine.plan.PlanTarget;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * One plan, measured by the bare loop and by the engine in turn, so that what changes meanwhile
 * changes both.
 *
 * <p>Thread safety: for one thread.
 */
final class PlanUnderTest implements AutoCloseable {
  private static final int CALLERS = 64;
  private static final int SEED = 1;
  private static final long REST_NS = 20_000_000;

  /** A lone request's latency is the median of so many times a round's repetitions. */
  private static final int REQUESTS = 4;

  private static final Duration CLAIM_WAIT = Duration.ofSeconds(10);

  private final GpuLibraries gpu;
  private final CudaDevice device;
  private final GeneratedModel model;
  private final SluicePackage opened;
  private final PrimaryContext context;
  private final Plan plan;

  private PlanUnderTest(
      GpuLibraries gpu,
      GeneratedModel model,
      SluicePackage opened,
      PrimaryContext context,
      Plan plan)
      throws Exception {
    this.gpu = gpu;
    this.device = gpu.device(0);
    this.model = model;
    this.opened = opened;
    this.context = context;
    this.plan = plan;
  }

  /** Takes the plan that the engine would: out of the cache, or built now. */
  @SuppressWarnings("MustBeClosedChecker") // closed by its owner, or here
  static PlanUnderTest load(GpuLibraries gpu, Path packed, GeneratedModel model) throws Exception {
    CudaDevice device = gpu.device(0);
    SluicePackage opened = PackageReader.open(packed);
    PrimaryContext context = null;
    try {
      context = PrimaryContext.enter(gpu.cuda(), device.ordinal());
      Manifest manifest = opened.manifest();
      CudaOptions options = CudaOptions.defaults();
      Plan plan =
          new PlanLoader(gpu.tensorRt(), new PlanCache(PlanCache.DEFAULT_LIMIT_BYTES), true)
              .load(
                  opened,
                  PlanProfile.of(manifest.signature().inputs(), manifest.profile()),
                  options.plan(),
                  PlanTarget.of(gpu.tensorRt(), device),
                  (_, _, _) -> {});
      return new PlanUnderTest(gpu, model, opened, context, plan);
    } catch (Exception | Error e) {
      if (context != null) {
        context.close();
      }
      opened.close();
      throw e;
    }
  }

  long sizeBytes() {
    return plan.data().byteSize();
  }

  String origin() {
    return plan.origin();
  }

  private List<BareLoop.Input> inputs(Arena arena, int rows) {
    List<BareLoop.Input> inputs = new ArrayList<>();
    for (ModelInput input : model.inputs()) {
      inputs.add(
          new BareLoop.Input(input.name(), input.shape(rows), input.rows(arena, 0, rows, SEED)));
    }
    return inputs;
  }

  /** Device time and, for one row, latency. */
  TableLine compare(int rows, SideBySide.Effort effort) throws Exception {
    CudaModel own =
        new CudaModel(
            model.name(), plan.data(), opened.manifest().signature(), true, List.of(), true);
    List<Shape> shapes = model.inputs().stream().map(input -> input.shape(1)).toList();
    try (Arena arena = Arena.ofConfined();
        BareLoop bare =
            BareLoop.open(gpu.cuda(), gpu.tensorRt(), plan.data(), inputs(arena, rows));
        CudaBackend backend =
            CudaBackend.open(gpu, device, own, CudaOptions.defaults().withTimed(true));
        BatchMemory memory = backend.allocate(new ShapeKey(shapes), rows);
        Lane lane = backend.openLane(0)) {
      List<BareLoop.Input> inputs = inputs(arena, rows);
      for (int i = 0; i < inputs.size(); i++) {
        memory.input(i).copyFrom(inputs.get(i).data());
      }
      lane.prepare(memory);
      long warmUpNs = effort.warmUp().toNanos();
      List<BareLoop.Timing> bares = new ArrayList<>();
      double[] engineUs = new double[effort.rounds()];
      for (int round = 0; round < effort.rounds(); round++) {
        bares.add(bare.measure(effort.repetitions(), round == 0 ? warmUpNs : REST_NS));
        engineUs[round] = deviceUs(lane, memory, rows, effort.repetitions());
      }
      checkSame(bare.outputs(), memory, backend);
      double latencyUs = rows == 1 ? latencyUs(bare, effort) : 0;
      double[] ratios = new double[engineUs.length];
      for (int i = 0; i < ratios.length; i++) {
        ratios[i] = engineUs[i] / bares.get(i).deviceUs();
      }
      return new TableLine.Runs(
          rows,
          median(bares.stream().mapToDouble(BareLoop.Timing::deviceUs).toArray()),
          median(engineUs),
          median(ratios),
          bares.stream().mapToInt(BareLoop.Timing::late).sum(),
          median(bares.stream().mapToDouble(BareLoop.Timing::endToEndUs).toArray()),
          latencyUs,
          median(bares.stream().mapToDouble(BareLoop.Timing::copyUs).toArray()),
          backend.deviceStats().orElseThrow().notCaptured().isEmpty());
    }
  }

  private static double deviceUs(Lane lane, BatchMemory memory, int rows, int repetitions)
      throws Exception {
    double[] us = new double[repetitions];
    for (int i = 0; i < repetitions; i++) {
      lane.run(memory, rows);
      us[i] = lane.deviceNs() / 1e3;
    }
    return median(us);
  }

  /** The same plan on the same inputs gives the same bytes. */
  private void checkSame(Map<String, MemorySegment> bare, BatchMemory memory, CudaBackend backend) {
    for (int i = 0; i < backend.signature().outputs().size(); i++) {
      String name = backend.signature().outputs().get(i).name();
      MemorySegment expected = bare.get(name);
      if (expected.mismatch(memory.output(i).asSlice(0, expected.byteSize())) != -1) {
        throw new IllegalStateException(
            model.name()
                + ": output '"
                + name
                + "' of the engine is not the bare loop's, though both ran the same plan");
      }
    }
  }

  private EngineOptions.Builder options() {
    return EngineOptions.builder().device("cuda").gpu(gpu);
  }

  /** A lone caller's latency from claim to close, the bare loop's in turn. */
  private double latencyUs(BareLoop bare, SideBySide.Effort effort) throws Exception {
    try (Engine engine = Engine.open(opened.file(), options().lanes(1).build());
        Arena arena = Arena.ofConfined()) {
      List<BareLoop.Input> inputs = inputs(arena, 1);
      Request request = engine.newRequest();
      double[] rounds = new double[effort.rounds()];
      for (int round = 0; round < rounds.length; round++) {
        bare.measure(1, REST_NS);
        double[] us = new double[REQUESTS * effort.repetitions()];
        for (int i = 0; i < us.length; i++) {
          us[i] = requestUs(request, inputs);
        }
        rounds[round] = median(us);
      }
      return median(rounds);
    }
  }

  private static double requestUs(Request request, List<BareLoop.Input> inputs) throws Exception {
    long startNs = System.nanoTime();
    if (!request.claim(1, CLAIM_WAIT).admitted()) {
      throw new IllegalStateException("a lone caller was refused");
    }
    long claimedNs = System.nanoTime();
    for (int i = 0; i < inputs.size(); i++) {
      request.input(i).copyFrom(inputs.get(i).data());
    }
    long writtenNs = System.nanoTime();
    var _ = request.run();
    request.close();
    return (claimedNs - startNs + System.nanoTime() - writtenNs) / 1e3;
  }

  /** 64 callers beside the plan's best rate. */
  TableLine load(SideBySide.Effort effort) throws Exception {
    double best = 0;
    int bestRows = 0;
    for (int rows = 1; rows <= CALLERS; rows *= 2) {
      try (Arena arena = Arena.ofConfined();
          BareLoop bare =
              BareLoop.open(gpu.cuda(), gpu.tensorRt(), plan.data(), inputs(arena, rows))) {
        double perS =
            rows / bare.measure(effort.repetitions(), effort.warmUp().toNanos()).deviceUs() * 1e6;
        bestRows = perS > best ? rows : bestRows;
        best = Math.max(best, perS);
      }
    }
    try (Engine engine = Engine.open(opened.file(), options().build())) {
      LoadReport report =
          LoadGenerator.run(
              engine,
              PackageSamples.make(engine, opened, 1, SEED),
              LoadPlan.closed(CALLERS, effort.warmUp(), effort.load()));
      return new TableLine.Load(
          CALLERS,
          report.throughputPerS(),
          best,
          bestRows,
          report.meanBatch(),
          Boolean.getBoolean("sluice.checked")
              ? Double.NaN
              : report.allocatedBytesPerInference().orElse(Double.NaN),
          report.errors(),
          report.firstError());
    }
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  @Override
  public void close() {
    plan.close();
    context.close();
    opened.close();
  }
}
