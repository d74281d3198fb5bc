package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.calibrate.CalibrationSource;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.calibrate.SampleCheck;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.OpsetUpgrade;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.engine.format.Manifest;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Brings a model in FP32 to FP16 or BF16 for TensorRT: observes its values on samples, keeps in
 * FP32 what would overflow or be lost, and what stays there by its kind, and gives nodes back until
 * the graph is within a bar on samples that were held out. The CPU's graph stays in FP32, which is
 * faster there: its kernels compute in FP32 anyway. For BF16 TensorRT's graph alone is raised to
 * the operator set that has convolutions of it.
 *
 * <p>Thread safety: used by one thread.
 */
public final class HalfConversion {
  private final SourceModel source;
  private final ElementType type;
  private final PrecisionOptions options;
  private final CalibrationSource samples;
  private final Progress progress;

  /**
   * A conversion.
   *
   * @param source the model in FP32
   * @param type FLOAT16 or BFLOAT16
   * @param samples what it will see
   */
  public HalfConversion(
      SourceModel source,
      ElementType type,
      PrecisionOptions options,
      CalibrationSource samples,
      Progress progress) {
    this.source = source;
    this.type = type;
    this.options = options;
    this.samples = samples;
    this.progress = progress;
  }

  /**
   * Converts.
   *
   * @throws BarNotMetException where no choice of nodes is within the bar
   * @throws IOException where a sample can't be read or is unfit
   */
  public Conversion run() throws IOException, BarNotMetException {
    source.raiseOperatorSet();
    Graph graph = typed();
    SplitSamples split = new SplitSamples(source, samples);
    Map<String, String> kept = HalfChoice.excluded(graph, options);
    Map<String, double[]> ranges =
        HalfChoice.ranges(split.observe(HalfChoice.values(source.graph()), progress));
    HalfPrecision first = new HalfPrecision(type, kept.keySet(), options.lowIo());
    kept.putAll(first.overflowing(graph, ranges));
    checkEdges(first, ranges);
    Holdout holdout = split.holdout();
    Graph cpu =
        options.lowIo()
            ? EdgeTypes.of(source.graph(), ElementType.FLOAT, type, source.newWeights())
            : source.graph();
    HalfChoice choice = new HalfChoice(source, type, options, progress);
    Loss exact = split.loss(holdout, choice.asGiven(cpu));
    HalfChoice.Chosen chosen = choice.choose(graph, kept, split, holdout, exact, Integer.MAX_VALUE);
    return new Conversion(
        type == ElementType.FLOAT16 ? "fp16" : "bf16",
        cpu,
        chosen.graph(),
        "FP32, whose kernels are the CPU's fastest",
        layers(chosen.reasons()),
        null,
        split.learntCount(),
        holdout.count(),
        exact,
        chosen.loss(),
        Map.of(),
        Map.of(),
        StrongTyping.problems(chosen.graph(), source.newWeights()),
        null);
  }

  /** The graph of TensorRT, where BFLOAT16 has a Conv if the model's nodes can be said there. */
  private Graph typed() throws IOException {
    try {
      return type == ElementType.BFLOAT16
          ? source.raised(source.graph(), OpsetUpgrade.BRAIN_LAYERS)
          : source.graph();
    } catch (ModelException _) {
      return source.graph();
    }
  }

  /** Throws where inputs and outputs are to get the type, and it can't hold one of them. */
  private void checkEdges(HalfPrecision half, Map<String, double[]> ranges)
      throws SampleCheck.UnfitException {
    List<String> edges = new ArrayList<>(source.graph().inputs());
    edges.addAll(source.graph().outputs());
    for (String edge : edges) {
      String problem = half.problem(source.graph(), edge, ranges.get(edge));
      if (options.lowIo() && problem != null) {
        throw new SampleCheck.UnfitException(
            "the model "
                + problem
                + ", so it can't be an input or output of 16 bits: leave out --io-types low, or"
                + " give samples of what the model will see",
            null);
      }
    }
  }

  /** The nodes that stay in FP32, and those that multiply. */
  private List<Manifest.Layer> layers(Map<String, String> reasons) {
    String precision = type == ElementType.FLOAT16 ? "fp16" : "bf16";
    List<Manifest.Layer> layers = new ArrayList<>();
    for (NodeProto node : source.graph().nodes()) {
      String key = HalfChoice.key(node);
      String name = node.getName().isEmpty() ? key : node.getName();
      String why = reasons.get(key);
      if (why != null) {
        layers.add(new Manifest.Layer(name, node.getOpType(), "fp32", why, null));
      } else if (Placement.multiplies(node)) {
        layers.add(
            new Manifest.Layer(name, node.getOpType(), precision, "its values fit the type", null));
      }
    }
    return layers;
  }
}
