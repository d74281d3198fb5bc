/**
 * The demonstration model and everything that makes it: a generator of drawn hexadecimal digits, a
 * small residual network with hand-written gradients, its trainer, and the export to ONNX.
 *
 * <p>Everything here is a function of its seed, bit for bit: floating-point code uses only
 * operations that Java defines exactly (no {@code Math.exp} or {@code Math.sin}, whose last bit may
 * differ between machines), random numbers come from a named algorithm, and sums are taken in an
 * order that does not depend on the number of threads.
 */
package dev.sluice.bench.train;
