package dev.sluice.bindings.sim;

import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.generated.CUDA_MEMCPY3D_st;
import java.lang.foreign.MemorySegment;

/**
 * A copy as a {@code CUDA_MEMCPY3D} of one row.
 *
 * <p>Thread safety: stateless.
 */
final class CopyParameters {
  private CopyParameters() {}

  static void write(Action action, MemorySegment target) {
    if (!(action instanceof Action.Copy copy)) {
      throw new Refused(CudaStatus.INVALID_VALUE, "the node is no copy of pinned memory");
    }
    MemorySegment parameters = target.reinterpret(CUDA_MEMCPY3D_st.sizeof());
    parameters.fill((byte) 0);
    if (copy.fromHost()) {
      CUDA_MEMCPY3D_st.srcMemoryType(parameters, CudaConstants.CU_MEMORYTYPE_HOST);
      CUDA_MEMCPY3D_st.srcHost(parameters, MemorySegment.ofAddress(copy.source()));
    } else {
      CUDA_MEMCPY3D_st.srcMemoryType(parameters, CudaConstants.CU_MEMORYTYPE_DEVICE);
      CUDA_MEMCPY3D_st.srcDevice(parameters, copy.source());
    }
    if (copy.toHost()) {
      CUDA_MEMCPY3D_st.dstMemoryType(parameters, CudaConstants.CU_MEMORYTYPE_HOST);
      CUDA_MEMCPY3D_st.dstHost(parameters, MemorySegment.ofAddress(copy.destination()));
    } else {
      CUDA_MEMCPY3D_st.dstMemoryType(parameters, CudaConstants.CU_MEMORYTYPE_DEVICE);
      CUDA_MEMCPY3D_st.dstDevice(parameters, copy.destination());
    }
    CUDA_MEMCPY3D_st.WidthInBytes(parameters, copy.sizeBytes());
    CUDA_MEMCPY3D_st.Height(parameters, 1);
    CUDA_MEMCPY3D_st.Depth(parameters, 1);
  }

  /** The copy that a node becomes; only where it copies from and to may change. */
  static Action.Copy read(MemorySegment source, Action before) {
    MemorySegment parameters = source.reinterpret(CUDA_MEMCPY3D_st.sizeof());
    boolean fromHost =
        CUDA_MEMCPY3D_st.srcMemoryType(parameters) == CudaConstants.CU_MEMORYTYPE_HOST;
    boolean toHost = CUDA_MEMCPY3D_st.dstMemoryType(parameters) == CudaConstants.CU_MEMORYTYPE_HOST;
    Action.Copy copy =
        new Action.Copy(
            toHost
                ? CUDA_MEMCPY3D_st.dstHost(parameters).address()
                : CUDA_MEMCPY3D_st.dstDevice(parameters),
            fromHost
                ? CUDA_MEMCPY3D_st.srcHost(parameters).address()
                : CUDA_MEMCPY3D_st.srcDevice(parameters),
            CUDA_MEMCPY3D_st.WidthInBytes(parameters),
            toHost,
            fromHost,
            false);
    if (CUDA_MEMCPY3D_st.Height(parameters) != 1
        || CUDA_MEMCPY3D_st.Depth(parameters) != 1
        || !before.updatable(copy)
        || (before instanceof Action.Copy old && old.sizeBytes() != copy.sizeBytes())) {
      throw new Refused(
          CudaStatus.INVALID_VALUE, "kind and extent of a node's copy can't be changed");
    }
    return copy;
  }
}
