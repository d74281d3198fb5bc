package dev.sluice.bindings.sim;

import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaStatus;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;

/**
 * What an operation of a stream, or a node of a graph, does.
 *
 * <p>Thread safety: immutable.
 */
sealed interface Action {
  /** Does it; called without the simulated driver's lock. */
  void run(Run run);

  /** One {@code CU_GRAPH_NODE_TYPE_*}. */
  int nodeType();

  /** Whether an executable graph may take this for another of the same place. */
  default boolean updatable(Action other) {
    return nodeType() == other.nodeType();
  }

  /** Whether it may run now; called under the lock. */
  default boolean ready() {
    return true;
  }

  /** What an action sees of the simulated driver. */
  interface Run {
    /** Bytes of the device, or pinned ones, which the operation may touch; else it fails. */
    MemorySegment memory(long address, long sizeBytes, boolean write, String what);

    /** Marks a record as passed. */
    void pass(EventRecord record);

    /** Takes its time, on a device that runs by itself. */
    void sleep(long nanos);

    /** Frees memory in the order of the stream. */
    void free(Allocation allocation);
  }

  /**
   * A copy between any two kinds of memory.
   *
   * @param pageable whether the host's end is memory of which the driver knew nothing at the call;
   *     any other must be there when the copy runs
   */
  record Copy(
      long destination,
      long source,
      long sizeBytes,
      boolean toHost,
      boolean fromHost,
      boolean pageable)
      implements Action {
    @Override
    public void run(Run run) {
      MemorySegment from = end(run, source, false, fromHost);
      end(run, destination, true, toHost).copyFrom(from);
    }

    private MemorySegment end(Run run, long address, boolean write, boolean host) {
      if (host && pageable) {
        return MemorySegment.ofAddress(address).reinterpret(sizeBytes);
      }
      return run.memory(address, sizeBytes, write, host ? "the host's end of a copy" : "a copy");
    }

    @Override
    public int nodeType() {
      return CudaConstants.CU_GRAPH_NODE_TYPE_MEMCPY;
    }

    @Override
    public boolean updatable(Action other) {
      return other instanceof Copy copy && copy.toHost == toHost && copy.fromHost == fromHost;
    }
  }

  /** A copy from host memory that was read when it was called: the host's was not pinned. */
  record Staged(long destination, MemorySegment bytes) implements Action {
    @Override
    public void run(Run run) {
      run.memory(destination, bytes.byteSize(), true, "a copy").copyFrom(bytes);
    }

    @Override
    public int nodeType() {
      return CudaConstants.CU_GRAPH_NODE_TYPE_MEMCPY;
    }
  }

  /** A fill with a value of 1, 2 or 4 bytes. */
  record Fill(long destination, int value, int width, long count) implements Action {
    @Override
    public void run(Run run) {
      MemorySegment memory = run.memory(destination, count * width, true, "a fill");
      for (long i = 0; i < count; i++) {
        switch (width) {
          case 1 -> memory.set(ValueLayout.JAVA_BYTE, i, (byte) value);
          case 2 -> memory.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2 * i, (short) value);
          default -> memory.set(ValueLayout.JAVA_INT_UNALIGNED, 4 * i, value);
        }
      }
    }

    @Override
    public int nodeType() {
      return CudaConstants.CU_GRAPH_NODE_TYPE_MEMSET;
    }
  }

  /** A host function, called by its address. */
  record HostCall(long function, long userData) implements Action {
    private static final MethodHandle CALL =
        Linker.nativeLinker().downcallHandle(FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG));

    @Override
    public void run(Run run) {
      try {
        CALL.invokeExact(MemorySegment.ofAddress(function), userData);
      } catch (Throwable e) {
        throw new AssertionError("a downcall throws nothing of its own", e);
      }
    }

    @Override
    public int nodeType() {
      return CudaConstants.CU_GRAPH_NODE_TYPE_HOST;
    }
  }

  /** A kernel's launch. A status other than 0 is how it fails, late. */
  @SuppressWarnings("ArrayRecordComponent") // nobody compares or changes them
  record Launch(SimFunction function, int[] dimensions, MemorySegment[] arguments, int failure)
      implements Action {
    @Override
    public void run(Run run) {
      if (failure != 0) {
        throw new Refused(failure, "the fault plan fails this launch of " + function.name());
      }
      function.kernel().run(new LaunchView(function.name(), dimensions, arguments, run));
    }

    /** This launch, failing where the status is not 0. */
    Launch failing(int status) {
      return status == 0 ? this : new Launch(function, dimensions, arguments, status);
    }

    @Override
    public int nodeType() {
      return CudaConstants.CU_GRAPH_NODE_TYPE_KERNEL;
    }

    @Override
    public boolean updatable(Action other) {
      return other instanceof Launch launch && launch.function.name().equals(function.name());
    }
  }

  /** The record of an event. */
  record RecordEvent(EventRecord record) implements Action {
    @Override
    public void run(Run run) {
      run.pass(record);
    }

    @Override
    public int nodeType() {
      return CudaConstants.CU_GRAPH_NODE_TYPE_EVENT_RECORD;
    }
  }

  /** Holds the stream back until a record has passed. */
  record WaitEvent(EventRecord record) implements Action {
    @Override
    public void run(Run run) {}

    @Override
    public boolean ready() {
      return record.passed;
    }

    @Override
    public int nodeType() {
      return CudaConstants.CU_GRAPH_NODE_TYPE_WAIT_EVENT;
    }
  }

  /** The end of a stream-ordered allocation. */
  record Free(Allocation allocation) implements Action {
    @Override
    public void run(Run run) {
      run.memory(allocation.address, allocation.sizeBytes, true, "cuMemFreeAsync");
      run.free(allocation);
    }

    @Override
    public int nodeType() {
      return CudaConstants.CU_GRAPH_NODE_TYPE_MEM_FREE;
    }
  }

  /** Takes its time, and nothing else. */
  record Delay(long nanos) implements Action {
    @Override
    public void run(Run run) {
      run.sleep(nanos);
    }

    @Override
    public int nodeType() {
      return CudaConstants.CU_GRAPH_NODE_TYPE_EMPTY;
    }
  }

  /**
   * The launch of a graph, as it was when it was launched. Launches of one executable graph run one
   * after the other, whatever streams they are in.
   *
   * @param before the end of the launch before; null where there is none
   * @param done its own end; null where it is a part of another graph
   */
  record Graph(List<Action> actions, EventRecord before, EventRecord done) implements Action {
    @Override
    public void run(Run run) {
      actions.forEach(action -> action.run(run));
      if (done != null) {
        run.pass(done);
      }
    }

    @Override
    public boolean ready() {
      return before == null || before.passed;
    }

    @Override
    public int nodeType() {
      return CudaConstants.CU_GRAPH_NODE_TYPE_GRAPH;
    }
  }

  /** The failure of an access, as the device notices it. */
  static Refused illegal(String what, long address, long sizeBytes, String reason) {
    return new Refused(
        CudaStatus.ILLEGAL_ADDRESS,
        what + " of " + sizeBytes + " bytes at 0x" + Long.toHexString(address) + ": " + reason);
  }
}
