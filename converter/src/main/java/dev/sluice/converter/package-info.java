/** From ONNX models to packages, and the command {@code sluice}, in the packages below. */
package dev.sluice.converter;
