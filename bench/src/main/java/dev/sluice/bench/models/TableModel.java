package dev.sluice.bench.models;

import java.util.Locale;

/**
 * The models of the GPU table, at full size.
 *
 * <p>Thread safety: immutable.
 */
public enum TableModel {
  /** ResNet-50 v1.5 at 224 x 224. */
  RESNET50,
  /** MobileNetV2 of width 1.0 at 224 x 224. */
  MOBILENETV2,
  /** BERT-base at {@link TableModel#SEQUENCE} tokens. */
  BERT_BASE;

  /** Tokens of a row of {@link #BERT_BASE}. */
  public static final int SEQUENCE = 128;

  /** The graph. */
  public GeneratedModel model() {
    return switch (this) {
      case RESNET50 -> ResNet.resNet50().model();
      case MOBILENETV2 -> MobileNet.mobileNetV2().model();
      case BERT_BASE -> Bert.base(SEQUENCE).model();
    };
  }

  /** The name, which the files have too. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
