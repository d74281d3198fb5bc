package dev.sluice.engine.memory;

/**
 * A pool's counts since it was made, and what it holds.
 *
 * <p>Thread safety: immutable.
 *
 * @param heldBytes taken from the driver and not given back
 * @param leases live now
 * @param hits leases that were served by a block of the same stream, or by one that was done with
 * @param waits leases for which one stream had to wait for another, or the host for a stream
 * @param allocations calls of the driver that took memory
 * @param frees calls of the driver that gave it back
 */
public record PoolStats(
    long heldBytes, long leases, long hits, long waits, long allocations, long frees) {}
