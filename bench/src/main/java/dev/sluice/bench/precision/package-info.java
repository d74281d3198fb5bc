/**
 * How fast packages are in INT8 on the CPU, beside FP32: JMH benchmarks of one caller and of many,
 * and {@link dev.sluice.bench.precision.PrecisionTable}, which runs them in turns and tells the
 * ratios.
 */
package dev.sluice.bench.precision;
