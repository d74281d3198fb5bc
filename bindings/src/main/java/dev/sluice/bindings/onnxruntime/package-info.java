/**
 * The C API of ONNX Runtime through FFM: functions by their C names, and thin owners of its
 * handles.
 */
package dev.sluice.bindings.onnxruntime;
