package dev.sluice.bench.peers;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ModelNotFoundException;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.translate.NoBatchifyTranslator;
import ai.djl.translate.TranslateException;
import ai.djl.translate.TranslatorContext;
import dev.sluice.bench.models.ModelInput;
import dev.sluice.bindings.ElementType;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * DJL's engine for ONNX Runtime: a model that is shared and, as its documentation asks for, a
 * predictor for each thread, with a translator of arrays.
 *
 * <p>Thread safety: as {@link Peer}.
 */
final class DjlPeer implements Peer {
  private final ZooModel<Object[], float[]> model;

  DjlPeer(Path onnx, int threads)
      throws IOException, ModelNotFoundException, MalformedModelException {
    Criteria.Builder<Object[], float[]> criteria =
        Criteria.builder()
            .setTypes(Object[].class, float[].class)
            .optModelPath(onnx)
            .optEngine("OnnxRuntime")
            .optDevice(Device.cpu());
    if (threads > 0) {
      criteria.optOption("intraOpNumThreads", Integer.toString(threads));
    }
    model = criteria.optTranslator(new Arrays()).build().loadModel();
  }

  /** Arrays of one row, each behind its shape, to tensors; the answer as an array. */
  private static final class Arrays implements NoBatchifyTranslator<Object[], float[]> {
    @Override
    public NDList processInput(TranslatorContext context, Object[] input) {
      NDManager manager = context.getNDManager();
      NDList list = new NDList();
      for (int i = 0; i < input.length; i += 2) {
        Shape shape = (Shape) input[i];
        NDArray array =
            input[i + 1] instanceof float[] reals
                ? manager.create(reals, shape)
                : manager.create((long[]) input[i + 1], shape);
        list.add(array);
      }
      return list;
    }

    @Override
    public float[] processOutput(TranslatorContext context, NDList list) {
      return list.getFirst().toFloatArray();
    }
  }

  @Override
  public Caller newCaller(Row row) {
    List<Object> input = new ArrayList<>();
    for (int i = 0; i < row.inputs().size(); i++) {
      ModelInput spec = row.inputs().get(i);
      input.add(new Shape(spec.shape(1).dims()));
      input.add(
          spec.type() == ElementType.FLOAT
              ? row.values().get(i).toArray(ValueLayout.JAVA_FLOAT)
              : row.values().get(i).toArray(ValueLayout.JAVA_LONG));
    }
    return new PredictorCaller(model.newPredictor(), input.toArray());
  }

  private static final class PredictorCaller implements Caller {
    private final Predictor<Object[], float[]> predictor;
    private final Object[] input;

    PredictorCaller(Predictor<Object[], float[]> predictor, Object[] input) {
      this.predictor = predictor;
      this.input = input;
    }

    @Override
    public float ask() throws TranslateException {
      return predictor.predict(input)[0];
    }

    @Override
    public void close() {
      predictor.close();
    }
  }

  @Override
  public void close() {
    model.close();
  }
}
