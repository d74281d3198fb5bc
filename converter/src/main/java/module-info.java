/** ONNX graphs in, packages out; and the command {@code sluice}. */
module dev.sluice.converter {
  exports dev.sluice.converter.build;
  exports dev.sluice.converter.calibrate;
  exports dev.sluice.converter.cli;
  exports dev.sluice.converter.graph;
  exports dev.sluice.converter.image;
  exports dev.sluice.converter.load;
  exports dev.sluice.converter.onnx;
  exports dev.sluice.converter.onnx.proto;
  exports dev.sluice.converter.precision;
  exports dev.sluice.converter.report;

  // picocli fills the fields of the commands.
  opens dev.sluice.converter.cli to
      info.picocli;

  requires transitive com.google.protobuf;
  requires transitive dev.sluice.engine;
  requires HdrHistogram;
  requires info.picocli;
  requires java.desktop;
  requires jdk.management;
  requires tools.jackson.databind;
}
