package dev.sluice.converter.graph;

import com.google.protobuf.ByteString;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto;
import dev.sluice.converter.onnx.proto.Onnx.AttributeProto.AttributeType;
import dev.sluice.converter.onnx.proto.Onnx.NodeProto;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Attributes of nodes, read and written.
 *
 * <p>Thread safety: stateless.
 */
public final class Attributes {
  private Attributes() {}

  /** An attribute, where the node has it. */
  static Optional<AttributeProto> find(NodeProto node, String name) {
    return node.getAttributeList().stream()
        .filter(attribute -> attribute.getName().equals(name))
        .findFirst();
  }

  /** A whole number, or what stands for an absent one. */
  public static long integer(NodeProto node, String name, long absent) {
    return find(node, name).map(AttributeProto::getI).orElse(absent);
  }

  /** A real number, or what stands for an absent one. */
  public static float decimal(NodeProto node, String name, float absent) {
    return find(node, name).map(AttributeProto::getF).orElse(absent);
  }

  /** A text, or what stands for an absent one. */
  public static String text(NodeProto node, String name, String absent) {
    return find(node, name).map(attribute -> attribute.getS().toStringUtf8()).orElse(absent);
  }

  /** Whole numbers; null where there are none. */
  public static long[] integers(NodeProto node, String name) {
    return find(node, name)
        .map(attribute -> attribute.getIntsList().stream().mapToLong(Long::longValue).toArray())
        .orElse(null);
  }

  /** A node without some of its attributes. */
  static NodeProto.Builder without(NodeProto node, String... names) {
    Set<String> dropped = Set.of(names);
    List<AttributeProto> kept =
        node.getAttributeList().stream()
            .filter(attribute -> !dropped.contains(attribute.getName()))
            .toList();
    return node.toBuilder().clearAttribute().addAllAttribute(kept);
  }

  /** A whole number. */
  static AttributeProto of(String name, long value) {
    return AttributeProto.newBuilder().setName(name).setType(AttributeType.INT).setI(value).build();
  }

  /** A text. */
  static AttributeProto of(String name, String value) {
    return AttributeProto.newBuilder()
        .setName(name)
        .setType(AttributeType.STRING)
        .setS(ByteString.copyFromUtf8(value))
        .build();
  }
}
