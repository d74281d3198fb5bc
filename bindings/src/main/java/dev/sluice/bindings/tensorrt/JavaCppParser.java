package dev.sluice.bindings.tensorrt;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.bytedeco.tensorrt.nvonnxparser.IParser;
import org.bytedeco.tensorrt.nvonnxparser.IParserError;

/**
 * {@code nvonnxparser::IParser}.
 *
 * <p>Closing one ends its use, but its memory (a copy of the model's bytes, without the
 * initializers that were given from outside) stays to the end of the process: the presets have no
 * {@code delete}, and unlike TensorRT's own classes this one declares its destructor behind other
 * functions, whose number changes with the release, so that {@link Destructor} can't tell which
 * entry of its table is the destructor.
 *
 * <p>Thread safety: one thread at a time.
 */
final class JavaCppParser extends JavaCppObject<IParser> implements TensorRtApi.Parser {
  JavaCppParser(IParser parser) {
    super(parser, (long _) -> {});
  }

  @Override
  public boolean loadModelProto(MemorySegment model) {
    return use().loadModelProto(Address.of(model), model.byteSize());
  }

  @Override
  public boolean loadInitializer(String name, MemorySegment data) {
    return use().loadInitializer(name, Address.of(data), data.byteSize());
  }

  @Override
  public boolean parseModelProto() {
    return use().parseModelProto();
  }

  @Override
  public boolean supportsModelV2(MemorySegment model) {
    return use().supportsModelV2(Address.of(model), model.byteSize());
  }

  @Override
  public List<TensorRtApi.ParserError> errors() {
    IParser parser = use();
    int count = parser.getNbErrors();
    List<TensorRtApi.ParserError> errors = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      IParserError error = parser.getError(i);
      errors.add(
          new TensorRtApi.ParserError(
              PresetEnums.text(error.code().intern()),
              Objects.requireNonNullElse(error.desc(), ""),
              error.node(),
              Objects.requireNonNullElse(error.nodeName(), ""),
              Objects.requireNonNullElse(error.nodeOperator(), "")));
    }
    return errors;
  }

  @Override
  public void clearErrors() {
    use().clearErrors();
  }
}
