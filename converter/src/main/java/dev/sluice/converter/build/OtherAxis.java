package dev.sluice.converter.build;

import dev.sluice.converter.onnx.OnnxModel;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Finds a batch that lies in another axis than 0, by the names that exporters give to dynamic
 * extents: the one that every input and every output has, and none of them in axis 0.
 *
 * <p>Thread safety: stateless.
 */
final class OtherAxis {
  private OtherAxis() {}

  /** What to say beside the reason why rows can't share a run; empty where there is nothing. */
  static String hint(OnnxModel model) {
    if (model.inputs().isEmpty()) {
      return "";
    }
    List<OnnxModel.Value> values = new ArrayList<>(model.inputs());
    values.addAll(model.outputs());
    Set<String> inAll = new LinkedHashSet<>(symbols(values.getFirst()));
    values.forEach(value -> inAll.retainAll(symbols(value)));
    inAll.remove("");
    boolean first =
        inAll.stream()
            .anyMatch(symbol -> values.stream().anyMatch(v -> symbols(v).indexOf(symbol) == 0));
    if (first || inAll.size() != 1) {
      return "";
    }
    String symbol = inAll.iterator().next();
    OnnxModel.Value input = model.inputs().getFirst();
    return "; '"
        + symbol
        + "' is in axis "
        + symbols(input).indexOf(symbol)
        + " of '"
        + input.name()
        + "' and in every other input and output: if that is the batch, export the model with it in"
        + " axis 0 (batch_first=True in PyTorch's recurrent layers)";
  }

  private static List<String> symbols(OnnxModel.Value value) {
    return value.isRanked() ? value.dims().stream().map(OnnxModel.Dim::symbol).toList() : List.of();
  }
}
