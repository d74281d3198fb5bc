package dev.sluice.converter.precision;

import dev.sluice.bindings.ElementType;
import dev.sluice.converter.calibrate.Histogram;
import dev.sluice.converter.calibrate.Progress;
import dev.sluice.converter.graph.Graph;
import dev.sluice.converter.graph.OpsetUpgrade;
import dev.sluice.converter.onnx.ModelException;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import dev.sluice.engine.format.Manifest;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Gives what is not INT8 in TensorRT's graph FP16, where its values fit: FP32 where they would
 * overflow or be lost, and where the bar would not hold.
 *
 * <p>The graph is raised to operator set {@value OpsetUpgrade#HALF_SCALES}, from which on
 * QuantizeLinear takes FP16 and DequantizeLinear gives it, by scales of FP16. So a layer with its
 * activation and bias, what is fused behind it, and the quantizer of the next one have one type,
 * without a Cast between, which TensorRT's fusions ask for. Q/DQ in FP32 with Casts around would
 * need no later operator set, but would put a Cast between each DequantizeLinear and its layer,
 * over which TensorRT does not fuse: the layer would run in FP16. The graph for the CPU keeps the
 * operator set of the model, and its scales.
 *
 * <p>Tensors that have codes were observed already. All others are, too, but on some samples only:
 * what is looked for is magnitudes, of which four times as much has to fit, and no percentiles.
 *
 * <p>Thread safety: used by one thread.
 */
final class HalfAroundInt8 {
  /** Each group of nodes costs a run over what is held out. */
  private static final int MAX_GROUPS = 32;

  private final SourceModel source;
  private final PrecisionOptions options;
  private final SplitSamples split;
  private final Holdout holdout;
  private final Progress progress;

  HalfAroundInt8(
      SourceModel source,
      PrecisionOptions options,
      SplitSamples split,
      Holdout holdout,
      Progress progress) {
    this.source = source;
    this.options = options;
    this.split = split;
    this.holdout = holdout;
    this.progress = progress;
  }

  /**
   * The types that came of it.
   *
   * @param graph for TensorRT
   * @param loss of it
   * @param reasons why nodes stay in FP32, by their first outputs
   * @param whyNone why nothing is in FP16; null where something may be
   */
  record Typed(Graph graph, Loss loss, Map<String, String> reasons, String whyNone) {
    /** What the whole has beside INT8, in words. */
    String note() {
      return "TensorRT's has "
          + (whyNone == null ? "FP16" : "FP32")
          + " beside INT8"
          + (whyNone == null ? "" : ", since FP16 is not possible: " + whyNone);
    }

    /**
     * A layer that has INT8.
     *
     * @param onCpu what is to be said of the CPU
     */
    Manifest.Layer int8(Layer layer, String onCpu, double sqnrDb) {
      String why = reasons.get(layer.key());
      return new Manifest.Layer(
          layer.name(),
          layer.operator(),
          "int8",
          "within the bar"
              + onCpu
              + (why == null ? "" : "; what it gives TensorRT is FP32: it " + why),
          sqnrDb);
    }

    /** The precision of a layer that has not INT8, and why it has no other. */
    Manifest.Layer layer(Layer layer, String whyNotInt8, Double sqnrDb) {
      String why = whyNone == null ? reasons.get(layer.key()) : whyNone;
      return new Manifest.Layer(
          layer.name(),
          layer.operator(),
          why == null ? "fp16" : "fp32",
          whyNotInt8 + (why == null || why.equals(HalfChoice.EXCLUDED) ? "" : "; not FP16: " + why),
          sqnrDb);
    }

    /** Nodes that are no layers and stay in FP32 for reasons of their own. */
    List<Manifest.Layer> others(Graph graph) {
      List<Manifest.Layer> others = new ArrayList<>();
      for (NodeProto node : graph.nodes()) {
        String key = HalfChoice.key(node);
        String why = reasons.get(key);
        if (why != null && !Placement.multiplies(node) && !HalfRules.isPassing(node)) {
          others.add(
              new Manifest.Layer(
                  node.getName().isEmpty() ? key : node.getName(),
                  node.getOpType(),
                  "fp32",
                  why,
                  null));
        }
      }
      return others;
    }
  }

  /**
   * Types a graph.
   *
   * @param fp32 the graph that it was written over
   * @param int8 with pairs in FP32
   * @param observed the tensors that were
   * @param losses of the graphs as they are
   */
  Typed type(Graph fp32, Graph int8, Map<String, Histogram> observed, Budget.Losses losses)
      throws IOException {
    try {
      Graph raised = source.raised(int8, OpsetUpgrade.HALF_SCALES);
      Map<String, String> kept = HalfChoice.excluded(raised, options);
      kept.putAll(
          new HalfPrecision(ElementType.FLOAT16, kept.keySet(), false)
              .overflowing(raised, ranges(fp32, observed)));
      HalfChoice.Chosen chosen =
          new HalfChoice(source, ElementType.FLOAT16, options, progress)
              .choose(raised, kept, split, holdout, losses.cpu(), MAX_GROUPS);
      return new Typed(chosen.graph(), chosen.loss(), chosen.reasons(), null);
    } catch (ModelException | BarNotMetException e) {
      return new Typed(int8, losses.tensorRt(), Map.of(), e.getMessage());
    }
  }

  private Map<String, double[]> ranges(Graph fp32, Map<String, Histogram> observed)
      throws IOException {
    Set<String> others = new LinkedHashSet<>(HalfChoice.values(fp32));
    others.removeAll(observed.keySet());
    Map<String, Histogram> all = new LinkedHashMap<>(observed);
    all.putAll(split.observeSome(fp32, others, progress));
    return HalfChoice.ranges(all);
  }
}
