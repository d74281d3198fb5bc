package dev.sluice.converter.build;

import dev.sluice.bindings.ElementType;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtSessionOptions;
import dev.sluice.bindings.onnxruntime.OrtValue;
import dev.sluice.bindings.onnxruntime.OrtValueInfo;
import dev.sluice.engine.Engine;
import dev.sluice.engine.EngineOptions;
import dev.sluice.engine.Outputs;
import dev.sluice.engine.Request;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.BackendException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Runs a model on given inputs: by ONNX Runtime alone, and as a package in an engine. */
final class ModelRuns {
  private static final Duration CLAIM_WAIT = Duration.ofSeconds(10);
  private static final EngineOptions OPTIONS =
      EngineOptions.builder().device("cpu").tune(false).lanes(1).build();

  private ModelRuns() {}

  /** Runs a model as it is, once for each sample. */
  static List<List<PlainTensor>> direct(byte[] model, List<List<PlainTensor>> samples) {
    OrtEnvironment environment = OrtEnvironment.shared();
    List<List<PlainTensor>> answers = new ArrayList<>();
    try (OrtSession session =
        OrtSession.open(
            environment,
            MemorySegment.ofArray(model),
            OrtSessionOptions.defaults(),
            "the model itself")) {
      for (List<PlainTensor> sample : samples) {
        answers.add(run(environment, session, sample));
      }
    }
    return answers;
  }

  private static List<PlainTensor> run(
      OrtEnvironment environment, OrtSession session, List<PlainTensor> sample) {
    List<OrtValue> in = new ArrayList<>();
    List<OrtValue> out = List.of();
    try (Arena arena = Arena.ofConfined()) {
      try {
        for (PlainTensor tensor : sample) {
          in.add(value(environment, tensor, arena));
        }
        out = session.run(in);
        return out.stream().map(ModelRuns::tensor).toList();
      } finally {
        out.forEach(OrtValue::close);
        in.forEach(OrtValue::close);
      }
    }
  }

  private static OrtValue value(OrtEnvironment environment, PlainTensor tensor, Arena arena) {
    long[] dims = tensor.shape().dims();
    if (tensor.type() == ElementType.STRING) {
      return OrtValue.strings(environment, tensor.strings().toArray(String[]::new), dims);
    }
    MemorySegment copy = arena.allocate(Math.max(1, tensor.data().byteSize()), 64);
    copy.copyFrom(tensor.data());
    return OrtValue.tensor(environment, copy, tensor.type(), dims);
  }

  private static PlainTensor tensor(OrtValue value) {
    OrtValueInfo info = value.info();
    Shape shape = Shape.of(info.dims().stream().mapToLong(Long::longValue).toArray());
    if (info.type() == ElementType.STRING) {
      return PlainTensor.ofStrings(shape, List.of(value.strings()));
    }
    return PlainTensor.of(info.type(), shape, value.data());
  }

  /** Runs a package in an engine on the CPU, its self-test ahead, once for each sample. */
  static List<List<PlainTensor>> packaged(Path packageFile, List<List<PlainTensor>> samples)
      throws IOException, BackendException, InterruptedException {
    List<List<PlainTensor>> answers = new ArrayList<>();
    try (Engine engine = Engine.open(packageFile, OPTIONS)) {
      for (List<PlainTensor> sample : samples) {
        answers.add(run(engine, sample));
      }
    }
    return answers;
  }

  private static List<PlainTensor> run(Engine engine, List<PlainTensor> sample)
      throws BackendException, InterruptedException {
    List<TensorSpec> inputs = engine.signature().inputs();
    Map<String, Shape> shapes = new LinkedHashMap<>();
    for (int i = 0; i < inputs.size(); i++) {
      shapes.put(inputs.get(i).name(), sample.get(i).shape());
    }
    int rows = engine.batched() ? Math.toIntExact(sample.getFirst().shape().dim(0)) : 1;
    try (Request request = engine.newRequest(shapes)) {
      if (!request.claim(rows, CLAIM_WAIT).admitted()) {
        throw new IllegalStateException("no claim of " + rows + " rows was admitted");
      }
      for (int i = 0; i < inputs.size(); i++) {
        PlainTensor tensor = sample.get(i);
        if (tensor.type() == ElementType.STRING) {
          request.strings(i, tensor.strings().toArray(String[]::new));
        } else {
          request.input(i).copyFrom(tensor.data());
        }
      }
      return read(engine, request.run());
    }
  }

  private static List<PlainTensor> read(Engine engine, Outputs outputs) {
    List<PlainTensor> results = new ArrayList<>();
    for (int i = 0; i < engine.signature().outputs().size(); i++) {
      ElementType type = engine.signature().outputs().get(i).type();
      Shape shape = outputs.outputShape(i);
      results.add(
          type == ElementType.STRING
              ? PlainTensor.ofStrings(shape, List.of(outputs.strings(i)))
              : PlainTensor.of(type, shape, outputs.output(i)));
    }
    return results;
  }
}
