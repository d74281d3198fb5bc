/** The CPU backend: ONNX Runtime on native batch buffers. */
package dev.sluice.engine.cpu;
