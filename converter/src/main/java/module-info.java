/** ONNX graphs in, packages out; and the command {@code sluice}. */
module dev.sluice.converter {
  exports dev.sluice.converter.build;
  exports dev.sluice.converter.onnx;
  exports dev.sluice.converter.onnx.proto;

  requires transitive com.google.protobuf;
  requires transitive dev.sluice.engine;
}
