package dev.sluice.engine.backend;

import java.util.List;

/**
 * What a backend holds on its device, and how its runs get there.
 *
 * <p>Thread safety: immutable.
 *
 * @param deviceBytes device memory of all lanes, for activations, inputs and outputs; weights are
 *     not counted
 * @param pinnedBytes pinned memory of the host, for batch buffers
 * @param contexts execution contexts that are open
 * @param graphs captured graphs that are ready to launch
 * @param captures how often a graph was captured, a first time or anew
 * @param evictions how many graphs and contexts were given up for others
 * @param notCaptured why runs are enqueued one by one, where a capture was refused; empty else
 */
public record DeviceStats(
    long deviceBytes,
    long pinnedBytes,
    int contexts,
    int graphs,
    long captures,
    long evictions,
    List<String> notCaptured) {
  /** Copies the list. */
  public DeviceStats {
    notCaptured = List.copyOf(notCaptured);
  }
}
