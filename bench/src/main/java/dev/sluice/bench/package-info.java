/** Benchmarks, load scenarios, and the small trained models with their trainers. */
package dev.sluice.bench;
