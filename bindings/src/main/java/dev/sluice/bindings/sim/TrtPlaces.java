package dev.sluice.bindings.sim;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.tensorrt.TensorRtApi.OutputAllocator;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Where an execution context's tensors lie: addresses, and allocators of outputs. Stricter than
 * TensorRT: the array of dimensions holds -1 as soon as the allocator has heard it, so that one who
 * keeps it notices.
 *
 * <p>Where data decides on the shape of an output that has an allocator, the enqueue waits for the
 * stream's earlier work and finds the shapes by a run of its own, whose values it drops; the run
 * that is enqueued then is one operation as any other.
 *
 * <p>Thread safety: as its context.
 */
final class TrtPlaces {
  private static final int ALIGNMENT_BYTES = 256;

  private final TrtContext context;
  private final SimulatedCuda cuda;
  private final Map<String, Long> addresses = new HashMap<>();
  private final Map<String, OutputAllocator> allocators = new HashMap<>();

  TrtPlaces(TrtContext context) {
    this.context = context;
    cuda = context.owner.cuda;
  }

  void set(String tensor, long address) {
    addresses.put(tensor, address);
  }

  void set(String output, OutputAllocator allocator) {
    if (allocator.equals(OutputAllocator.NONE)) {
      allocators.remove(output);
    } else {
      allocators.put(output, allocator);
    }
  }

  private long address(TrtTensor tensor) {
    return addresses.getOrDefault(tensor.name(), 0L);
  }

  private boolean refuse(String message) {
    return context.refuse(TrtContext.ENQUEUE + message);
  }

  private boolean isForeign(TrtTensor tensor, long address, SimContext current) {
    return cuda.isForeign(address, current)
        && !refuse(tensor.name() + " lies in memory of another CUDA context");
  }

  /** Whether all tensors have what an enqueue needs; else false, and an error. */
  boolean areComplete(TrtEngine engine, SimContext current, Map<String, TrtShapes.Shape> outputs) {
    for (TrtTensor tensor : engine.tensors()) {
      if (allocators.containsKey(tensor.name())) {
        continue;
      }
      long address = address(tensor);
      if (address == 0) {
        return refuse("Neither address nor allocator is set for " + tensor.name());
      }
      if (isForeign(tensor, address, current) || !isLargeEnough(tensor, address, outputs)) {
        return false;
      }
    }
    return true;
  }

  /** Whether an output whose shape depends on data has memory for the most that it may be. */
  private boolean isLargeEnough(
      TrtTensor tensor, long address, Map<String, TrtShapes.Shape> outputs) {
    TrtShapes.Shape shape = outputs.get(tensor.name());
    if (tensor.isInput() || !shape.isByData()) {
      return true;
    }
    long mostBytes = tensor.sizeBytes(shape.most());
    long there = cuda.sizeFrom(address);
    return there >= mostBytes
        || refuse(
            "the shape of "
                + tensor.name()
                + " depends on data: set an allocator, or an address with "
                + mostBytes
                + " bytes, not "
                + there);
  }

  /** Whether an enqueue has to find the shapes of outputs by their data. */
  boolean areShapedByRun(Map<String, TrtShapes.Shape> outputs) {
    return outputs.entrySet().stream()
        .anyMatch(
            output -> output.getValue().isByData() && allocators.containsKey(output.getKey()));
  }

  /** All tensors with shapes and addresses; null, and an error, where an output has none. */
  List<TrtRun.Bound> bind(
      TrtEngine engine,
      Map<String, long[]> inputs,
      Map<String, TrtShapes.Shape> outputs,
      long stream) {
    Map<String, long[]> found = areShapedByRun(outputs) ? run(engine, inputs, stream) : Map.of();
    if (found == null) {
      return null;
    }
    List<TrtRun.Bound> bound = new ArrayList<>();
    for (TrtTensor tensor : engine.tensors()) {
      String name = tensor.name();
      long[] shape = tensor.isInput() ? inputs.get(name) : outputs.get(name).dims();
      long address = address(tensor);
      if (allocators.containsKey(name)) {
        shape = found.getOrDefault(name, shape);
        address = allocate(tensor, shape, address, stream);
        if (address == 0) {
          return null;
        }
      }
      bound.add(new TrtRun.Bound(tensor, address, shape.clone()));
    }
    return List.copyOf(bound);
  }

  /** The outputs' shapes by name, when the stream's earlier work is done; null, and an error. */
  private Map<String, long[]> run(TrtEngine engine, Map<String, long[]> inputs, long stream) {
    int status = cuda.cuStreamSynchronize(stream);
    if (status != CudaApi.CUDA_SUCCESS) {
      context.refuseStatus(status);
      return null;
    }
    Map<String, MemorySegment> data = new HashMap<>();
    try {
      for (TrtTensor tensor : engine.tensors()) {
        if (tensor.isInput()) {
          long sizeBytes = tensor.sizeBytes(inputs.get(tensor.name()));
          data.put(tensor.name(), cuda.copyOf(address(tensor), sizeBytes));
        }
      }
      return engine.shapesOf(inputs, data);
    } catch (IllegalArgumentException e) {
      refuse("the run failed: " + e.getMessage());
      return null;
    }
  }

  /** Has an output's allocator find its memory and hear its shape; 0, and an error, for none. */
  private long allocate(TrtTensor output, long[] shape, long current, long stream) {
    OutputAllocator allocator = allocators.get(output.name());
    long sizeBytes = Math.max(1, output.sizeBytes(shape));
    try {
      long address = allocator.reallocate(current, sizeBytes, ALIGNMENT_BYTES, stream);
      if (address == 0 || address % ALIGNMENT_BYTES != 0) {
        refuse(
            "the allocator has no memory of "
                + sizeBytes
                + " bytes at a multiple of 256 for "
                + output.name());
        return 0;
      }
      if (isForeign(output, address, cuda.currentContext())) {
        return 0;
      }
      long[] told = shape.clone();
      allocator.notifyShape(told);
      Arrays.fill(told, -1);
      return address;
    } catch (RuntimeException | Error e) {
      refuse("the allocator of output " + output.name() + " failed: " + e);
      return 0;
    }
  }
}
