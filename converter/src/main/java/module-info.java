/** ONNX graphs in, packages out; and the command {@code sluice}. */
module dev.sluice.converter {
  requires transitive dev.sluice.engine;
}
