package dev.sluice.engine.format;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import dev.sluice.engine.stage.InputStage;
import dev.sluice.engine.stage.OutputStage;
import dev.sluice.engine.stage.Stage;
import java.nio.file.Path;
import java.util.Locale;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationContext;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.SerializationContext;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.ValueDeserializer;
import tools.jackson.databind.ValueSerializer;
import tools.jackson.databind.cfg.CoercionAction;
import tools.jackson.databind.cfg.CoercionInputShape;
import tools.jackson.databind.cfg.EnumFeature;
import tools.jackson.databind.deser.DeserializationProblemHandler;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.module.SimpleModule;
import tools.jackson.databind.type.LogicalType;

/**
 * The manifest as JSON: shapes are arrays of numbers, element types lower-case names. Every field
 * must be there, and of its type. Unknown fields are skipped, but for those of stages, which would
 * change the answers: any other change that an older reader must not overlook gets a new format
 * version.
 *
 * <p>Thread safety: stateless.
 */
final class ManifestJson {
  private static final String PADDING = "padding";

  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
          .enable(EnumFeature.FAIL_ON_NUMBERS_FOR_ENUMS)
          .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
          .withCoercionConfig(
              LogicalType.Textual,
              config ->
                  config
                      .setCoercion(CoercionInputShape.Integer, CoercionAction.Fail)
                      .setCoercion(CoercionInputShape.Float, CoercionAction.Fail)
                      .setCoercion(CoercionInputShape.Boolean, CoercionAction.Fail))
          .addHandler(new Unknown())
          .addModule(types())
          .addMixIn(Stage.class, StageForm.class)
          .build();

  /** The field {@code stage} tells which of the two a stage is. */
  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "stage")
  @JsonSubTypes({
    @JsonSubTypes.Type(value = InputStage.class, name = "input"),
    @JsonSubTypes.Type(value = OutputStage.class, name = "output")
  })
  private interface StageForm {}

  /** Skips unknown fields outside of stages. */
  private static final class Unknown extends DeserializationProblemHandler {
    @Override
    public boolean handleUnknownProperty(
        DeserializationContext context,
        JsonParser in,
        ValueDeserializer<?> deserializer,
        Object beanOrClass,
        String name) {
      boolean skips = !Stage.class.isAssignableFrom(deserializer.handledType());
      if (skips) {
        in.skipChildren();
      }
      return skips;
    }
  }

  private ManifestJson() {}

  /** The UTF-8 text of a manifest, the same for equal manifests. */
  static byte[] write(Manifest manifest) {
    if (manifest.formatVersion() < Manifest.FORMAT_VERSION) {
      ObjectNode tree = MAPPER.valueToTree(manifest);
      tree.remove(PADDING);
      return MAPPER.writeValueAsBytes(tree);
    }
    return MAPPER.writeValueAsBytes(manifest);
  }

  /**
   * Reads a manifest.
   *
   * @param json UTF-8 text
   * @param file for messages
   * @param offset of the text in the file, for messages
   */
  static Manifest read(byte[] json, Path file, long offset) throws PackageException {
    try {
      Manifest manifest = read(json);
      if (manifest == null) {
        throw PackageException.at(file, offset, "manifest.json holds nothing; build it again");
      }
      return manifest;
    } catch (JacksonException e) {
      long within =
          e.getLocation() == null ? 0 : Math.clamp(e.getLocation().getByteOffset(), 0, json.length);
      throw new PackageException(
          file
              + ": byte "
              + (offset + within)
              + ": manifest.json is not a manifest: "
              + e.getOriginalMessage()
              + "; build the package again",
          e);
    }
  }

  /** Formats before padding have no such field. */
  private static Manifest read(byte[] json) {
    JsonNode tree = MAPPER.readTree(json);
    boolean older =
        tree instanceof ObjectNode
            && !tree.has(PADDING)
            && tree.path("formatVersion").asInt(0) < Manifest.FORMAT_VERSION;
    if (!older) {
      return MAPPER.readValue(json, Manifest.class);
    }
    ((ObjectNode) tree).set(PADDING, MAPPER.valueToTree(Manifest.Padding.NONE));
    try {
      return MAPPER.treeToValue(tree, Manifest.class);
    } catch (JacksonException e) {
      throw located(json, e);
    }
  }

  /** The same failure out of the text, where it has a place; what only a whole has, has none. */
  private static JacksonException located(byte[] json, JacksonException failure) {
    try {
      MAPPER.readValue(json, Manifest.class);
      return failure;
    } catch (JacksonException e) {
      return e.getOriginalMessage().contains("'" + PADDING + "'") ? failure : e;
    }
  }

  private static SimpleModule types() {
    SimpleModule module = new SimpleModule("sluice");
    module.addSerializer(Shape.class, new ShapeWriter());
    module.addDeserializer(Shape.class, new ShapeReader());
    module.addSerializer(ElementType.class, new TypeWriter());
    module.addDeserializer(ElementType.class, new TypeReader());
    return module;
  }

  private static final class ShapeWriter extends ValueSerializer<Shape> {
    @Override
    public void serialize(Shape shape, JsonGenerator out, SerializationContext context) {
      long[] dims = shape.dims();
      out.writeArray(dims, 0, dims.length);
    }
  }

  private static final class ShapeReader extends ValueDeserializer<Shape> {
    @Override
    public Shape deserialize(JsonParser in, DeserializationContext context) {
      return Shape.of(in.readValueAs(long[].class));
    }
  }

  private static final class TypeWriter extends ValueSerializer<ElementType> {
    @Override
    public void serialize(ElementType type, JsonGenerator out, SerializationContext context) {
      out.writeString(type.name().toLowerCase(Locale.ROOT));
    }
  }

  private static final class TypeReader extends ValueDeserializer<ElementType> {
    @Override
    public ElementType deserialize(JsonParser in, DeserializationContext context) {
      String name = in.getString();
      for (ElementType type : ElementType.values()) {
        if (type.name().toLowerCase(Locale.ROOT).equals(name)) {
          return type;
        }
      }
      throw new IllegalArgumentException("no element type is named '" + name + "'");
    }
  }
}
