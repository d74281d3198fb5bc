/** Native libraries as Java: the only module that touches {@link java.lang.foreign.Linker}. */
module dev.sluice.bindings {
  exports dev.sluice.bindings;
  exports dev.sluice.bindings.onnxruntime;

  requires com.microsoft.onnxruntime;
}
