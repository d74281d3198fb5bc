/** How fast the memory pools lease. */
package dev.sluice.bench.memory;
