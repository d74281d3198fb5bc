package dev.sluice.bench.peers;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import dev.sluice.bench.models.ModelInput;
import dev.sluice.bindings.ElementType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * ONNX Runtime's Java API, one request a run. With tensors that are used again, inputs lie in
 * direct buffers and the output is pinned; else a tensor is made of arrays for each request, and
 * its answer is an array.
 *
 * <p>Thread safety: as {@link Peer}.
 */
public final class OrtPeer implements Peer {
  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private final OrtSession session;
  private final boolean reuse;

  /**
   * Opens a model.
   *
   * @param threads of each run; 0 for the default, one for each core
   * @param reuse whether callers use their tensors again
   */
  public OrtPeer(Path onnx, int threads, boolean reuse) throws OrtException {
    this.reuse = reuse;
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      if (threads > 0) {
        options.setIntraOpNumThreads(threads);
      }
      session = environment.createSession(onnx.toString(), options);
    }
  }

  @Override
  public Caller newCaller(Row row) throws OrtException {
    return reuse ? new ReusingCaller(row) : new UsualCaller(row);
  }

  private static ByteBuffer direct(int bytes) {
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
  }

  /** Tensors over memory that stays; the input is copied in for each request. */
  private final class ReusingCaller implements Caller {
    private final Map<String, OnnxTensor> inputs = new LinkedHashMap<>();
    private final Map<String, OnnxValue> outputs;
    private final List<ByteBuffer> targets = new ArrayList<>();
    private final List<ByteBuffer> values = new ArrayList<>();
    private final ByteBuffer answer;

    ReusingCaller(Row row) throws OrtException {
      for (int i = 0; i < row.inputs().size(); i++) {
        ModelInput input = row.inputs().get(i);
        ByteBuffer value = row.values().get(i).asByteBuffer().order(ByteOrder.nativeOrder());
        ByteBuffer target = direct(value.remaining());
        target.put(0, value, 0, value.remaining());
        OnnxJavaType type =
            input.type() == ElementType.FLOAT ? OnnxJavaType.FLOAT : OnnxJavaType.INT64;
        inputs.put(
            input.name(),
            OnnxTensor.createTensor(environment, target, input.shape(1).dims(), type));
        targets.add(target);
        values.add(value);
      }
      String name = session.getOutputNames().iterator().next();
      long[] shape = ((TensorInfo) session.getOutputInfo().get(name).getInfo()).getShape();
      shape[0] = 1;
      int elements = 1;
      for (long dimension : shape) {
        elements *= (int) dimension;
      }
      answer = direct(elements * Float.BYTES);
      outputs = Map.of(name, OnnxTensor.createTensor(environment, answer.asFloatBuffer(), shape));
    }

    @Override
    public float ask() throws OrtException {
      for (int i = 0; i < targets.size(); i++) {
        targets.get(i).put(0, values.get(i), 0, values.get(i).limit());
      }
      try (OrtSession.Result _ = session.run(inputs, Set.of(), outputs)) {
        return answer.getFloat(0);
      }
    }

    @Override
    public void close() {
      inputs.values().forEach(OnnxTensor::close);
      outputs.values().forEach(OnnxValue::close);
    }
  }

  /** Arrays in, an array out. */
  private final class UsualCaller implements Caller {
    private final List<ModelInput> specs;
    private final List<Object> arrays = new ArrayList<>();

    UsualCaller(Row row) {
      specs = row.inputs();
      for (int i = 0; i < specs.size(); i++) {
        MemorySegment value = row.values().get(i);
        boolean real = specs.get(i).type() == ElementType.FLOAT;
        arrays.add(
            real ? value.toArray(ValueLayout.JAVA_FLOAT) : value.toArray(ValueLayout.JAVA_LONG));
      }
    }

    private OnnxTensor tensor(int input) throws OrtException {
      long[] shape = specs.get(input).shape(1).dims();
      return arrays.get(input) instanceof float[] reals
          ? OnnxTensor.createTensor(environment, FloatBuffer.wrap(reals), shape)
          : OnnxTensor.createTensor(
              environment, LongBuffer.wrap((long[]) arrays.get(input)), shape);
    }

    @Override
    public float ask() throws OrtException {
      Map<String, OnnxTensor> inputs = new LinkedHashMap<>();
      try {
        for (int i = 0; i < specs.size(); i++) {
          inputs.put(specs.get(i).name(), tensor(i));
        }
        try (OrtSession.Result result = session.run(inputs)) {
          Object answer = result.get(0).getValue();
          while (answer instanceof Object[] outer) {
            answer = outer[0];
          }
          return ((float[]) answer)[0];
        }
      } finally {
        inputs.values().forEach(OnnxTensor::close);
      }
    }

    @Override
    public void close() {}
  }

  @Override
  public void close() throws OrtException {
    session.close();
  }
}
