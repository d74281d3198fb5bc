/** Native libraries as Java: the only module that touches {@link java.lang.foreign.Linker}. */
module dev.sluice.bindings {
  exports dev.sluice.bindings;
  exports dev.sluice.bindings.cuda;
  exports dev.sluice.bindings.nvml;
  exports dev.sluice.bindings.nvrtc;
  exports dev.sluice.bindings.onnxruntime;
  exports dev.sluice.bindings.sim;
  exports dev.sluice.bindings.tensorrt;

  requires com.microsoft.onnxruntime;
  requires static org.bytedeco.cuda;
  requires static org.bytedeco.javacpp;
  requires static org.bytedeco.tensorrt;
}
