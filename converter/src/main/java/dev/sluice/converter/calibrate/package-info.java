/**
 * From samples to ranges: runs a model over samples with its tensors observed, counts what they
 * hold, and picks the range of each that is worth the codes of 8 bits.
 */
package dev.sluice.converter.calibrate;
