package dev.sluice.engine.cpu;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.onnxruntime.OnnxType;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import dev.sluice.bindings.onnxruntime.OrtSession;
import dev.sluice.bindings.onnxruntime.OrtSessionOptions;
import dev.sluice.bindings.onnxruntime.OrtValueInfo;
import dev.sluice.engine.Shape;
import dev.sluice.engine.Signature;
import dev.sluice.engine.TensorSpec;
import dev.sluice.engine.backend.Backend;
import dev.sluice.engine.backend.BackendException;
import dev.sluice.engine.backend.BatchMemory;
import dev.sluice.engine.backend.Lane;
import dev.sluice.engine.backend.ShapeKey;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * ONNX Runtime on the CPU: one session, shared by all lanes.
 *
 * <p>An output whose rank the model does not tell stands in the signature as a scalar; its real
 * shape is known after a run.
 *
 * <p>Thread safety: as {@link Backend} says.
 */
public final class CpuBackend implements Backend {
  private final OrtSession session;
  private final Signature signature;
  private final boolean batched;

  private CpuBackend(OrtSession session, Signature signature, boolean batched) {
    this.session = session;
    this.signature = signature;
    this.batched = batched;
  }

  /**
   * Makes a session of a model.
   *
   * <p>External weights are mapped by ONNX Runtime from the package itself where its file name is
   * the one that the graph tells; from a renamed file or through a symbolic link they are copied
   * out of the mapping.
   *
   * @throws BackendException when ONNX Runtime can't be loaded or refuses the model, or the model
   *     has an input or output that is no tensor
   */
  public static CpuBackend open(CpuModel model, CpuOptions options) throws BackendException {
    OrtSession session;
    try {
      OrtEnvironment environment = OrtEnvironment.shared();
      checkSameFile(model);
      session =
          OrtSession.open(
              environment, model.graph(), sessionOptions(model, options), model.label());
    } catch (NativeException
        | UncheckedIOException
        | IllegalStateException
        | UnsupportedOperationException e) {
      throw new BackendException("the CPU backend can't open the model: " + e.getMessage(), e);
    }
    try {
      checkSameFile(model);
      Signature signature =
          new Signature(
              specs(session.inputs(), "input", model.batched()),
              specs(session.outputs(), "output", model.batched()));
      return new CpuBackend(session, signature, model.batched());
    } catch (BackendException | RuntimeException e) {
      session.close();
      throw e;
    }
  }

  /** ONNX Runtime opens the file by its name, which another file may have taken by then. */
  private static void checkSameFile(CpuModel model) throws BackendException {
    if (model.packageFileKey() == null) {
      return;
    }
    Object key;
    try {
      key = Files.readAttributes(model.packageFile(), BasicFileAttributes.class).fileKey();
    } catch (IOException e) {
      throw new BackendException(
          "the package " + model.packageFile() + " went away while it was opened: " + e, e);
    }
    if (!model.packageFileKey().equals(key)) {
      throw new BackendException(
          "the package "
              + model.packageFile()
              + " was replaced by another while it was opened; open it again",
          null);
    }
  }

  private static OrtSessionOptions sessionOptions(CpuModel model, CpuOptions options) {
    Map<String, String> config = new HashMap<>(options.sessionConfig());
    if (!options.prepacking()) {
      config.put("session.disable_prepacking", "1");
    }
    OrtSessionOptions result =
        OrtSessionOptions.defaults()
            .withThreads(options.intraOpThreads(), options.spinning())
            .withCustomOps(options.customOps())
            .withArena(options.arena())
            .withConfig(config);
    if (!model.hasExternalWeights()) {
      return result;
    }
    Path file = model.packageFile().toAbsolutePath();
    boolean mappable =
        file.getFileName().toString().equals(model.weightsLocation())
            && !Files.isSymbolicLink(file);
    if (mappable) {
      try {
        return result.withExternalWeightsFolder(file.getParent().toRealPath());
      } catch (IOException e) {
        throw new UncheckedIOException("the folder of " + file + " can't be read: " + e, e);
      }
    }
    return result.withExternalFiles(Map.of(model.weightsLocation(), model.packageBytes()));
  }

  private static List<TensorSpec> specs(List<OrtValueInfo> infos, String role, boolean batched)
      throws BackendException {
    List<TensorSpec> specs = new ArrayList<>();
    for (OrtValueInfo info : infos) {
      if (info.kind() != OnnxType.TENSOR) {
        throw new BackendException(
            role
                + " '"
                + info.name()
                + "' is of type "
                + info.kind()
                + ", but only tensors can be served; take it apart inside the model",
            null);
      }
      Shape shape = Shape.of(info.dims().stream().mapToLong(dim -> dim).toArray());
      if (batched && role.equals("input") && (shape.rank() == 0 || shape.dim(0) != Shape.DYNAMIC)) {
        throw new BackendException(
            role
                + " '"
                + info.name()
                + "' has the shape "
                + shape
                + " without a dynamic batch axis, so the model can't run batched; build the"
                + " package with --no-batching",
            null);
      }
      specs.add(new TensorSpec(info.name(), info.type(), shape));
    }
    return specs;
  }

  @Override
  public String device() {
    return "cpu";
  }

  @Override
  public Signature signature() {
    return signature;
  }

  @Override
  public BatchMemory allocate(ShapeKey key, int maxRows) throws BackendException {
    checkKey(key, maxRows);
    try {
      return CpuBatchMemory.allocate(this, key, maxRows);
    } catch (NativeException e) {
      throw new BackendException(
          "memory for "
              + maxRows
              + " rows of "
              + key.inputs()
              + " can't be made: "
              + e.getMessage(),
          e);
    }
  }

  private void checkKey(ShapeKey key, int maxRows) throws BackendException {
    List<TensorSpec> inputs = signature.inputs();
    if (maxRows < 1 || (!batched && maxRows != 1)) {
      throw new BackendException(
          "memory for "
              + maxRows
              + " rows was asked for, but a model that is "
              + (batched ? "batched takes at least 1" : "not batched takes 1"),
          null);
    }
    if (key.inputs().size() != inputs.size()) {
      throw new BackendException(
          "the model has the inputs "
              + inputs
              + ", but shapes were given for "
              + key.inputs().size(),
          null);
    }
    for (int i = 0; i < inputs.size(); i++) {
      Shape actual = key.inputs().get(i);
      boolean oneRow = !batched || (actual.rank() > 0 && actual.dim(0) == 1);
      boolean anyRank = !session.inputs().get(i).hasShape();
      if (!oneRow || !(anyRank || inputs.get(i).shape().accepts(actual))) {
        throw new BackendException(
            "input "
                + inputs.get(i)
                + " does not take the shape "
                + actual
                + (batched ? "; give it for one row, with 1 in axis 0" : ""),
            null);
      }
    }
  }

  @Override
  public Lane openLane(int index) throws BackendException {
    session.raw();
    return new CpuLane(this, index);
  }

  OrtSession session() {
    return session;
  }

  boolean batched() {
    return batched;
  }

  @Override
  public void close() {
    session.close();
  }

  @Override
  public String toString() {
    return "cpu backend of " + session;
  }
}
