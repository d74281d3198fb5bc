/**
 * Memory of a device and pinned memory of the host, leased in size classes from pools that ask the
 * driver only while they grow, under named budgets with limits.
 */
package dev.sluice.engine.memory;
