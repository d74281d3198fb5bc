/**
 * Brings models to other precisions: which layers may have 8 bits, the graph of each backend with
 * QuantizeLinear and DequantizeLinear, and what that costs in accuracy.
 */
package dev.sluice.converter.precision;
