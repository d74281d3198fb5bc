package dev.sluice.engine.memory;

import dev.sluice.bindings.cuda.CudaException;
import java.util.List;
import java.util.stream.Collectors;

/**
 * There is no memory left for a lease, after all that nobody leases was given back. The message
 * lists each level of the budget, from the pool's up.
 *
 * <p>Thread safety: immutable, but for what every exception lets change.
 */
public final class MemoryExhaustedException extends CudaException {
  private static final long serialVersionUID = 1L;

  private final transient List<MemoryBudget.Level> levels;
  private final long requestedBytes;

  MemoryExhaustedException(
      String function,
      String label,
      long requestedBytes,
      List<MemoryBudget.Level> levels,
      String refusedBy,
      long trimmedBytes) {
    super(
        function,
        label + ", " + requestedBytes + " bytes",
        "CUDA_ERROR_OUT_OF_MEMORY",
        2,
        refusedBy
            + "; "
            + trimmedBytes
            + " bytes that nobody leased were given back before; "
            + levels.stream()
                .map(level -> level + ", requested " + requestedBytes)
                .collect(Collectors.joining("; ")),
        "raise the limit, lease less at a time, or end what else holds memory");
    this.levels = List.copyOf(levels);
    this.requestedBytes = requestedBytes;
  }

  /** The budgets, from the pool's up; null where the exception was deserialised. */
  public List<MemoryBudget.Level> levels() {
    return levels;
  }

  /** The block that was asked for, in bytes. */
  public long requestedBytes() {
    return requestedBytes;
  }
}
