package dev.sluice.bindings.cuda;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeHandle;
import dev.sluice.bindings.cuda.generated.CUgraphExecUpdateResultInfo_st;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A graph that was captured.
 *
 * <p>Thread safety: any thread.
 */
public final class CudaGraph extends CudaObject {
  private final String label;

  CudaGraph(CudaApi api, String label, long graph) {
    super(
        api,
        NativeHandle.own(
            "CUgraph",
            label,
            graph,
            // A graph belongs to no context.
            raw ->
                CudaHandles.checkReleased(
                    api, api.cuGraphDestroy(raw), "cuGraphDestroy", "graph of " + label)));
    this.label = label;
  }

  /** Makes it ready to launch; this graph may be closed then. */
  public Ready instantiate() {
    long raw = enter();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      check(api.cuGraphInstantiateWithFlags(out, raw, 0), "cuGraphInstantiateWithFlags");
      return new Ready(api, label, out.get(JAVA_LONG, 0));
    } finally {
      leave();
    }
  }

  /**
   * A graph that is ready to launch, a {@code CUgraphExec}.
   *
   * <p>Thread safety: any thread; its launches follow one another.
   */
  public static final class Ready extends CudaObject {
    private Ready(CudaApi api, String label, long exec) {
      super(
          api,
          CudaHandles.own(
              api, "CUgraphExec", label, exec, "cuGraphExecDestroy", api::cuGraphExecDestroy));
    }

    /** Enqueues it. Takes no heap memory. */
    public void launch(CudaStream stream) {
      long mine = enter();
      long theirs = enterToo(stream);
      try {
        check(api.cuGraphLaunch(mine, theirs), "cuGraphLaunch");
      } finally {
        stream.leave();
        leave();
      }
    }

    /**
     * Takes the parameters of a graph of the same topology.
     *
     * @return whether it did; where not, this is as it was, and the other has to be instantiated
     * @throws CudaException for any failure but that the graphs differ too much
     */
    public boolean update(CudaGraph graph) {
      long mine = enter();
      long theirs = enterToo(graph);
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment info = CUgraphExecUpdateResultInfo_st.allocate(arena);
        int status = api.cuGraphExecUpdate_v2(mine, theirs, info);
        if (status == CudaStatus.GRAPH_EXEC_UPDATE_FAILURE.code()) {
          return false;
        }
        check(status, "cuGraphExecUpdate_v2");
        return true;
      } finally {
        graph.leave();
        leave();
      }
    }
  }
}
