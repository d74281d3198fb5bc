package dev.sluice.bindings.sim;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.cuda.generated.CUgraphExecUpdateResultInfo_st;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * The functions of graphs.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class Graphs {
  private final Driver driver;

  Graphs(Driver driver) {
    this.driver = driver;
  }

  long endCapture(long hStream) {
    SimGraph graph = driver.captures.end(driver.stream(hStream));
    graph.handle = driver.handles.add(graph);
    return graph.handle;
  }

  long instantiate(long hGraph) {
    SimGraphExec exec = new SimGraphExec(driver.handles.get(hGraph, SimGraph.class));
    exec.handle = driver.handles.add(exec);
    return exec.handle;
  }

  void update(long hExec, long hGraph, MemorySegment resultInfo) {
    SimGraphExec exec = driver.handles.get(hExec, SimGraphExec.class);
    SimGraph graph = driver.handles.get(hGraph, SimGraph.class);
    int result = CudaConstants.CU_GRAPH_EXEC_UPDATE_SUCCESS;
    if (!exec.source.sameTopology(graph)) {
      result = CudaConstants.CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
    }
    for (int i = 0; result == 0 && i < exec.actions.size(); i++) {
      Action before = exec.actions.get(i);
      Action after = graph.nodes.get(i).action;
      if (before.nodeType() != after.nodeType()) {
        result = CudaConstants.CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED;
      } else if (!before.updatable(after)) {
        result = CudaConstants.CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED;
      }
    }
    MemorySegment info = resultInfo.reinterpret(CUgraphExecUpdateResultInfo_st.sizeof());
    info.fill((byte) 0);
    CUgraphExecUpdateResultInfo_st.result(info, result);
    if (result != CudaConstants.CU_GRAPH_EXEC_UPDATE_SUCCESS) {
      throw new Refused(CudaStatus.GRAPH_EXEC_UPDATE_FAILURE, "update result " + result);
    }
    for (int i = 0; i < exec.actions.size(); i++) {
      exec.actions.set(i, graph.nodes.get(i).action);
    }
  }

  void launchGraph(long hExec, long hStream) {
    SimGraphExec exec = driver.handles.get(hExec, SimGraphExec.class);
    SimStream stream = driver.stream(hStream);
    List<Action> actions = List.copyOf(exec.actions);
    if (stream.capture != null) {
      driver.put(stream, new Action.Graph(actions, null, null));
      return;
    }
    if (exec.last != null) {
      stream.clock.join(exec.last.clock);
    }
    EventRecord done = new EventRecord().hold();
    driver.put(stream, new Action.Graph(actions, exec.last, done));
    done.clock.set(stream.clock);
    exec.last = done;
  }

  void graphNodes(long hGraph, MemorySegment nodes, MemorySegment numNodes) {
    SimGraph graph = driver.handles.get(hGraph, SimGraph.class);
    if (nodes.equals(MemorySegment.NULL)) {
      numNodes.set(JAVA_LONG, 0, graph.nodes.size());
      return;
    }
    long count = Math.min(numNodes.get(JAVA_LONG, 0), graph.nodes.size());
    for (int i = 0; i < count; i++) {
      SimNode node = graph.nodes.get(i);
      if (node.handle == 0) {
        node.handle = driver.handles.add(node);
      }
      nodes.setAtIndex(JAVA_LONG, i, node.handle);
    }
    numNodes.set(JAVA_LONG, 0, count);
  }

  void setCopy(long hExec, long hNode, MemorySegment parameters) {
    SimGraphExec exec = driver.handles.get(hExec, SimGraphExec.class);
    int place = exec.source.nodes.indexOf(driver.handles.get(hNode, SimNode.class));
    if (place < 0) {
      throw SimulatedCuda.invalid("the node is not of the graph that was instantiated");
    }
    Action.Copy copy = CopyParameters.read(parameters, exec.actions.get(place));
    driver.requireEnds(copy);
    exec.actions.set(place, copy);
  }

  void destroyGraph(long hGraph) {
    SimGraph graph = driver.handles.get(hGraph, SimGraph.class);
    for (SimNode node : graph.nodes) {
      if (node.handle != 0) {
        driver.handles.remove(node.handle);
      }
    }
    driver.handles.remove(hGraph);
  }
}
