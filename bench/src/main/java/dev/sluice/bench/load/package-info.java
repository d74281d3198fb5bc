/** Load scenarios: what the engine's choices cost and gain, on backends whose cost is known. */
package dev.sluice.bench.load;
