package dev.sluice.bench.models;

import dev.sluice.bench.onnx.OnnxGraph;
import dev.sluice.bindings.ElementType;
import java.util.List;
import java.util.stream.LongStream;

/**
 * The encoder of BERT (Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for
 * Language Understanding") with its pooler, as Hugging Face's {@code BertModel}: normalised after
 * each sum, with the GELU of the error function. Inputs {@code input_ids}, {@code attention_mask}
 * and {@code token_type_ids}, {@code i64[N, sequence]}; outputs {@code last_hidden_state}, {@code
 * f32[N, sequence, hidden]}, and {@code pooler_output}, {@code f32[N, hidden]}.
 *
 * <p>The sequence is fixed. BERT-base has 109,482,240 parameters, all of them in the file.
 *
 * <p>Thread safety: immutable.
 *
 * @param name of the model
 * @param vocabulary how many words there are
 * @param positions the longest sequence that the weights are made for
 * @param hidden values of a token, a multiple of {@code heads}
 * @param layers how many
 * @param heads of attention
 * @param inner width of a layer's inside
 * @param sequence tokens of a row
 */
public record Bert(
    String name,
    int vocabulary,
    int positions,
    int hidden,
    int layers,
    int heads,
    int inner,
    int sequence)
    implements Network {
  private static final int TOKEN_TYPES = 2;

  /** What Hugging Face's configuration of BERT has. */
  private static final float EPSILON = 1e-12f;

  /** The standard deviation that BERT's embeddings are initialised with. */
  private static final double EMBEDDING_DEVIATION = 0.02;

  /** Gives BERT's initial standard deviation of 0.02 at 768 inputs. */
  private static final double GAIN = 0.02 * Math.sqrt(768);

  /**
   * Added to the scores of tokens that are masked, as in BERT's first release: far below every
   * score, and a number in half precision too.
   */
  private static final float MASKED = -10_000;

  /** Checks the sizes. */
  public Bert {
    if (hidden % heads != 0 || sequence > positions) {
      throw new IllegalArgumentException(
          name
              + ": hidden must be a multiple of heads, and sequence at most positions, but these"
              + " are "
              + List.of(hidden, heads, sequence, positions));
    }
  }

  /** BERT-base, uncased, for rows of that many tokens: 109,482,240 parameters. */
  public static Bert base(int sequence) {
    return new Bert("bert-base", 30_522, 512, 768, 12, 12, 3072, sequence);
  }

  /** Four layers of 256 values and 4 heads for rows of 64 tokens, with a vocabulary of 1,000. */
  public static Bert encoder() {
    return new Bert("encoder", 1000, 64, 256, 4, 4, 1024, 64);
  }

  @Override
  public GeneratedModel model(long batch) {
    return new Graph(this, batch).model();
  }

  /** The graph while it is built. */
  private static final class Graph {
    private final Bert bert;
    private final NetworkBuilder network;
    private final OnnxGraph graph;

    Graph(Bert bert, long batch) {
      this.bert = bert;
      network = new NetworkBuilder(bert.name, batch);
      graph = network.graph();
    }

    GeneratedModel model() {
      int sequence = bert.sequence;
      String ids = network.input("input_ids", ElementType.INT64, bert.vocabulary, sequence);
      String mask = network.input("attention_mask", ElementType.INT64, 2, sequence);
      String types = network.input("token_type_ids", ElementType.INT64, TOKEN_TYPES, sequence);
      graph.output("last_hidden_state", ElementType.FLOAT, sequence, bert.hidden);
      graph.output("pooler_output", ElementType.FLOAT, bert.hidden);
      long rows = network.reshapedBatch();
      network.constant("heads", new long[] {rows, 0, bert.heads, bert.hidden / bert.heads}, 4);
      network.constant("tokens", new long[] {rows, 0, bert.hidden}, 3);
      network.constant("scale", (float) Math.sqrt((double) bert.hidden / bert.heads));
      network.constant("half", 0.5f);
      network.constant("one", 1);
      network.constant("root_two", (float) Math.sqrt(2));
      String bias = maskBias(mask);
      String value = embeddings(ids, types);
      for (int i = 0; i < bert.layers; i++) {
        String to = i == bert.layers - 1 ? "last_hidden_state" : "";
        value = layer("encoder.layer." + i, value, bias, to);
      }
      pooler(value);
      return network.build(
          "An encoder of " + bert.layers + " layers as BERT's with random weights, for timing.");
    }

    /** What is added to the scores: {@code f32[N, 1, 1, sequence]}. */
    private String maskBias(String mask) {
      network.constant("masked", MASKED);
      network.constant("mask.axes", new long[] {1, 2}, 2);
      String wide = graph.node("Unsqueeze", "mask.unsqueeze", List.of(mask, "mask.axes"));
      String real =
          graph.node(
              "Cast",
              "mask.cast",
              List.of(wide),
              OnnxGraph.integer("to", ElementType.FLOAT.code()));
      String inverse = graph.node("Sub", "mask.inverse", List.of("one", real));
      return graph.node("Mul", "mask.bias", List.of(inverse, "masked"));
    }

    private String embeddings(String ids, String types) {
      long[] range = LongStream.range(0, bert.sequence).toArray();
      network.constant("position_ids", range, 1, bert.sequence);
      String words = gather("embeddings.word_embeddings", ids, bert.vocabulary);
      String kinds = gather("embeddings.token_type_embeddings", types, TOKEN_TYPES);
      String places = gather("embeddings.position_embeddings", "position_ids", bert.positions);
      String sum = graph.node("Add", "embeddings.add_types", List.of(words, kinds));
      sum = graph.node("Add", "embeddings.add_positions", List.of(sum, places));
      return normalised("embeddings.LayerNorm", sum, "");
    }

    private String gather(String name, String indices, int rows) {
      double bound = EMBEDDING_DEVIATION * NetworkBuilder.UNIT_BOUND;
      String table = network.weight(name + ".weight", 0, bound, rows, bert.hidden);
      return graph.node("Gather", name, List.of(table, indices), OnnxGraph.integer("axis", 0));
    }

    /** Scales around 1 and shifts around 0, as training leaves them. */
    private String normalised(String name, String in, String to) {
      String scale = network.weight(name + ".weight", 1, 0.1, bert.hidden);
      String shift = network.weight(name + ".bias", 0, 0.1, bert.hidden);
      String output = to.isEmpty() ? name + ".out" : to;
      graph.nodeTo(
          output,
          "LayerNormalization",
          name,
          List.of(in, scale, shift),
          OnnxGraph.integer("axis", -1),
          OnnxGraph.real("epsilon", EPSILON));
      return output;
    }

    private String dense(String name, String in, int inputs, int outputs) {
      String weight =
          network.weight(name + ".weight", 0, NetworkBuilder.bound(GAIN, inputs), inputs, outputs);
      String bias = network.weight(name + ".bias", 0, EMBEDDING_DEVIATION, outputs);
      String product = graph.node("MatMul", name + ".matmul", List.of(in, weight));
      return graph.node("Add", name, List.of(product, bias));
    }

    private String layer(String name, String in, String bias, String to) {
      String attention = attention(name + ".attention.self", in, bias);
      attention = dense(name + ".attention.output.dense", attention, bert.hidden, bert.hidden);
      String sum = graph.node("Add", name + ".attention.output.add", List.of(attention, in));
      String middle = normalised(name + ".attention.output.LayerNorm", sum, "");
      String wide = dense(name + ".intermediate.dense", middle, bert.hidden, bert.inner);
      String active = gelu(name + ".intermediate.gelu", wide);
      String narrow = dense(name + ".output.dense", active, bert.inner, bert.hidden);
      sum = graph.node("Add", name + ".output.add", List.of(narrow, middle));
      return normalised(name + ".output.LayerNorm", sum, to);
    }

    private String attention(String name, String in, String bias) {
      String query = heads(name + ".query", in, 0, 2, 1, 3);
      String key = heads(name + ".key", in, 0, 2, 3, 1);
      String value = heads(name + ".value", in, 0, 2, 1, 3);
      String scores = graph.node("MatMul", name + ".scores", List.of(query, key));
      scores = graph.node("Div", name + ".scaled", List.of(scores, "scale"));
      scores = graph.node("Add", name + ".masked", List.of(scores, bias));
      String shares =
          graph.node("Softmax", name + ".softmax", List.of(scores), OnnxGraph.integer("axis", -1));
      String context = graph.node("MatMul", name + ".context", List.of(shares, value));
      context = transposed(name + ".context.transpose", context, 0, 2, 1, 3);
      return graph.node("Reshape", name + ".context.reshape", List.of(context, "tokens"));
    }

    private String heads(String name, String in, long... order) {
      String flat = dense(name, in, bert.hidden, bert.hidden);
      String split = graph.node("Reshape", name + ".reshape", List.of(flat, "heads"));
      return transposed(name + ".transpose", split, order);
    }

    private String transposed(String name, String in, long... order) {
      return graph.node("Transpose", name, List.of(in), OnnxGraph.integers("perm", order));
    }

    /** x * (1 + erf(x / sqrt(2))) / 2. */
    private String gelu(String name, String in) {
      String erf = graph.node("Div", name + ".div", List.of(in, "root_two"));
      erf = graph.node("Erf", name + ".erf", List.of(erf));
      String share = graph.node("Add", name + ".add", List.of(erf, "one"));
      String product = graph.node("Mul", name + ".mul", List.of(in, share));
      return graph.node("Mul", name, List.of(product, "half"));
    }

    private void pooler(String in) {
      network.constant("pooler.first", new long[] {0});
      String first =
          graph.node(
              "Gather", "pooler.token", List.of(in, "pooler.first"), OnnxGraph.integer("axis", 1));
      String dense = dense("pooler.dense", first, bert.hidden, bert.hidden);
      graph.nodeTo("pooler_output", "Tanh", "pooler.tanh", List.of(dense));
    }
  }
}
