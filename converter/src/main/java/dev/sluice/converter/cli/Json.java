package dev.sluice.converter.cli;

import java.util.Map;
import tools.jackson.databind.ObjectWriter;
import tools.jackson.databind.json.JsonMapper;

/**
 * Writes the one object of {@code --json}. Numbers that JSON lacks (not finite ones) become texts.
 *
 * <p>Thread safety: stateless.
 */
final class Json {
  private Json() {}

  /** An object in one line; maps keep their order. */
  static String write(Map<String, ?> object) {
    return Writer.INSTANCE.writeValueAsString(object);
  }

  /** Made when it is first needed: most runs print for people. */
  private static final class Writer {
    static final ObjectWriter INSTANCE = JsonMapper.builder().build().writer();
  }
}
