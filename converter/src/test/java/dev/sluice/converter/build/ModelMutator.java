package dev.sluice.converter.build;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import dev.sluice.bindings.Mutants;
import dev.sluice.converter.onnx.proto.Onnx.ModelProto;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Changes a model where its format allows it: any field of any message inside gets another value,
 * goes, is doubled, changes places, or becomes what stands in such a field elsewhere, in the same
 * model or in another. Names are mostly exchanged for others of the model, since new ones are
 * refused at once.
 *
 * <p>Thread safety: used by one thread.
 */
final class ModelMutator {
  private static final String[] TEXTS = {
    "",
    "\0",
    "a\0b",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "x".repeat(3000),
    "Identity",
    "Loop",
    "If",
    "Constant",
    "Reshape",
    "value",
    "ai.onnx",
    "com.microsoft",
    "location",
    "offset",
    "length",
    "*/_ORT_MEM_ADDR_/*",
    "\0model ",
    "-1",
    "99999999999999999999",
    "\u20ac",
    "N"
  };

  private final SplittableRandom random;
  private final List<Message.Builder> messages = new ArrayList<>();
  private final List<Message> donors = new ArrayList<>();
  private final List<String> names = new ArrayList<>();

  private ModelMutator(SplittableRandom random) {
    this.random = random;
  }

  /**
   * A mutant's file.
   *
   * @param models what mutants are made of
   */
  static byte[] mutant(List<ModelProto> models, SplittableRandom random) {
    ModelProto.Builder model = models.get(random.nextInt(models.size())).toBuilder();
    ModelProto other = models.get(random.nextInt(models.size()));
    for (int n = random.nextInt(1, 4); n > 0; n--) {
      ModelMutator mutator = new ModelMutator(random);
      mutator.collect(model);
      if (random.nextInt(3) == 0) {
        mutator.collect(other.toBuilder());
        mutator.messages.removeIf(message -> !mutator.isOf(message, model));
      }
      mutator.mutate();
    }
    byte[] bytes = model.build().toByteArray();
    return random.nextInt(8) == 0 ? Mutants.bytes(bytes, random) : bytes;
  }

  /** Whether a message is part of a model. */
  private boolean isOf(Message.Builder message, Message.Builder root) {
    List<Message.Builder> own = new ArrayList<>();
    builders(root, own);
    return own.stream()
        .anyMatch(one -> System.identityHashCode(one) == System.identityHashCode(message));
  }

  private void collect(Message.Builder root) {
    List<Message.Builder> all = new ArrayList<>();
    builders(root, all);
    messages.addAll(all);
    for (Message.Builder message : all) {
      donors.add(message.build());
      message
          .getAllFields()
          .forEach((field, value) -> {
            if (field.getJavaType() == FieldDescriptor.JavaType.STRING) {
              if (value instanceof List<?> list) {
                list.forEach(text -> names.add((String) text));
              } else {
                names.add((String) value);
              }
            }
          });
    }
  }

  private static void builders(Message.Builder root, List<Message.Builder> all) {
    all.add(root);
    for (FieldDescriptor field : root.getDescriptorForType().getFields()) {
      if (field.getJavaType() != FieldDescriptor.JavaType.MESSAGE) {
        continue;
      }
      if (field.isRepeated()) {
        for (int i = 0; i < root.getRepeatedFieldCount(field); i++) {
          builders(root.getRepeatedFieldBuilder(field, i), all);
        }
      } else if (root.hasField(field)) {
        builders(root.getFieldBuilder(field), all);
      }
    }
  }

  private void mutate() {
    Message.Builder message = messages.get(random.nextInt(messages.size()));
    List<FieldDescriptor> set = new ArrayList<>(message.getAllFields().keySet());
    List<FieldDescriptor> all = message.getDescriptorForType().getFields();
    FieldDescriptor field =
        set.isEmpty() || random.nextInt(5) == 0
            ? all.get(random.nextInt(all.size()))
            : set.get(random.nextInt(set.size()));
    if (field.isRepeated()) {
      repeated(message, field);
    } else if (random.nextInt(5) == 0) {
      message.clearField(field);
    } else {
      message.setField(field, value(message, field, message.getField(field)));
    }
  }

  private void repeated(Message.Builder message, FieldDescriptor field) {
    List<Object> values = new ArrayList<>((List<?>) message.getField(field));
    int at = values.isEmpty() ? 0 : random.nextInt(values.size());
    int other = values.isEmpty() ? 0 : random.nextInt(values.size());
    int what = values.isEmpty() ? 1 : random.nextInt(7);
    switch (what) {
      case 0 -> values.remove(at);
      case 1 -> values.add(at, value(message, field, null));
      case 2 -> values.add(other, values.get(at));
      case 3 -> Collections.swap(values, at, other);
      case 4 -> values.subList(at, values.size()).clear();
      default -> values.set(at, value(message, field, values.get(at)));
    }
    message.setField(field, values);
  }

  private Object value(Message.Builder parent, FieldDescriptor field, Object old) {
    return switch (field.getJavaType()) {
      case INT -> (int) Mutants.number(random);
      case LONG -> old != null && random.nextInt(3) == 0 ? (long) old + 1 : Mutants.number(random);
      case FLOAT -> Float.intBitsToFloat((int) Mutants.number(random));
      case DOUBLE -> Double.longBitsToDouble(Mutants.number(random));
      case BOOLEAN -> random.nextBoolean();
      case STRING ->
          random.nextInt(3) > 0 && !names.isEmpty()
              ? names.get(random.nextInt(names.size()))
              : TEXTS[random.nextInt(TEXTS.length)];
      case BYTE_STRING ->
          ByteString.copyFrom(
              Mutants.bytes(old == null ? new byte[8] : ((ByteString) old).toByteArray(), random));
      case ENUM -> {
        List<EnumValueDescriptor> values = field.getEnumType().getValues();
        yield values.get(random.nextInt(values.size()));
      }
      case MESSAGE -> {
        List<Message> alike =
            donors.stream()
                .filter(donor -> donor.getDescriptorForType().equals(field.getMessageType()))
                .toList();
        yield alike.isEmpty()
            ? (old instanceof Message message ? message : parent.newBuilderForField(field).build())
            : alike.get(random.nextInt(alike.size()));
      }
    };
  }
}
