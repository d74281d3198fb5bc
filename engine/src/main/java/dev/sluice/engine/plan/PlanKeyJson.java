package dev.sluice.engine.plan;

import dev.sluice.engine.format.PackageException;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.cfg.EnumFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * A plan's key as JSON, with the version of its form. Every field must be there, and of its type,
 * and none that is not known: what is not understood may matter to whether the plan fits.
 *
 * <p>Thread safety: stateless.
 */
final class PlanKeyJson {
  /** The form; one that a reader must not misunderstand gets another. */
  static final int FORMAT = 1;

  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(EnumFeature.FAIL_ON_NUMBERS_FOR_ENUMS)
          .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
          .build();

  /** What is written. */
  record Form(int format, PlanKey key) {}

  private PlanKeyJson() {}

  /** The UTF-8 text, the same for equal keys. */
  static byte[] write(PlanKey key) {
    return MAPPER.writeValueAsBytes(new Form(FORMAT, key));
  }

  /**
   * Reads a key.
   *
   * @param json UTF-8 text
   * @param where for messages
   * @return null where it is of a newer form
   */
  static PlanKey read(byte[] json, String where) throws PackageException {
    try {
      JsonNode tree = MAPPER.readTree(json);
      if (tree.path("format").asInt(0) > FORMAT) {
        return null;
      }
      Form form = MAPPER.treeToValue(tree, Form.class);
      if (form == null || form.format() != FORMAT || form.key() == null) {
        throw new PackageException(where + ": is no key of a plan; build the package again");
      }
      return form.key();
    } catch (JacksonException e) {
      throw new PackageException(
          where + ": is no key of a plan: " + e.getOriginalMessage() + "; build the package again",
          e);
    }
  }
}
