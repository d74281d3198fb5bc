package dev.sluice.engine.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import dev.sluice.engine.TensorSpec;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the command line says of stages, good and bad. */
class StageTextTest {
  private static final TensorSpec FIXED =
      new TensorSpec("image", ElementType.FLOAT, Shape.of(-1, 3, 224, 224));
  private static final TensorSpec OPEN =
      new TensorSpec("image", ElementType.FLOAT16, Shape.of(-1, 3, -1, -1));
  private static final TensorSpec GREY =
      new TensorSpec("image", ElementType.FLOAT, Shape.of(1, 1, 28, 28));

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "image=u8|image=u8,size=224x224,scale=1/255,mean=0,std=1,order=rgb",
        "image=u8,letterbox=224x224|image=u8,letterbox=224x224,max=768x768,fill=114,scale=1/255,mean=0,std=1,order=rgb",
        "image=u8,resize=224X224,order=bgr,max=10x20|image=u8,resize=224x224,max=10x20,scale=1/255,mean=0,std=1,order=bgr",
        "image=u8,resize=224x224,size=480x640|image=u8,resize=224x224,size=480x640,scale=1/255,mean=0,std=1,order=rgb",
        "image=u8,mean=0.485:0.456:0.406,std=0.229:0.224:0.225|image=u8,size=224x224,scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225,order=rgb",
        "image=u8,mean=0.485,0.456,0.406,std=0.229,0.224,0.225|image=u8,size=224x224,scale=1/255,mean=0.485:0.456:0.406,std=0.229:0.224:0.225,order=rgb",
        "image=u8,scale=1,mean=104:117:123,order=bgr|image=u8,size=224x224,scale=1,mean=104:117:123,std=1,order=bgr",
        "image=u8,scale=1/127.5,mean=1|image=u8,size=224x224,scale=0.00784313725490196,mean=1,std=1,order=rgb",
        "image=u8,letterbox=224x224,fill=0|image=u8,letterbox=224x224,max=768x768,fill=0,scale=1/255,mean=0,std=1,order=rgb",
      })
  void goodInputStages(String text, String expected) {
    InputStage stage = InputStageSpec.parse(text).resolve(FIXED);
    assertThat(stage.text()).isEqualTo(expected);
    assertThat(InputStageSpec.parse(stage.text()).resolve(FIXED)).isEqualTo(stage);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "image|is no input stage",
        "=u8|is no input stage",
        "image=f32|is no input stage",
        "image=u8letterbox=2x2|is no input stage",
        "image=u8,|is no KEY=VALUE",
        "image=u8,crop=2x2|the keys are resize",
        "image=u8,letterbox|is no KEY=VALUE",
        "image=u8,letterbox=224|write HEIGHTxWIDTH",
        "image=u8,letterbox=0x4|write HEIGHTxWIDTH",
        "image=u8,letterbox=99999x4|write HEIGHTxWIDTH",
        "image=u8,letterbox=-1x4|write HEIGHTxWIDTH",
        "image=u8,letterbox=2x2,letterbox=2x2|given twice",
        "image=u8,letterbox=2x2,resize=2x2|exclude each other",
        "image=u8,resize=2x2,size=2x2,max=3x3|exclude each other",
        "image=u8,max=3x3|is for images that are resized",
        "image=u8,fill=3|is for letterbox",
        "image=u8,letterbox=2x2,fill=256|0 to 255",
        "image=u8,letterbox=2x2,fill=-1|0 to 255",
        "image=u8,order=gbr|write rgb or bgr",
        "image=u8,scale=0|must be positive",
        "image=u8,scale=-1|must be positive",
        "image=u8,scale=1/0|is no number",
        "image=u8,scale=NaN|is no number",
        "image=u8,scale=|is no number",
        "image=u8,mean=a|is no number",
        "image=u8,mean=1e39|is no number",
        "image=u8,mean=0.1:|is no number",
        "image=u8,std=0|must be positive",
        "image=u8,std=0.1:-0.1:0.1|must be positive",
        "image=u8,mean=104:117:123|add scale=1",
        "image=u8,mean=127.5,std=127.5|add scale=1",
      })
  void badInputStages(String text, String problem) {
    assertThatThrownBy(() -> InputStageSpec.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(problem);
  }

  @Test
  void namesMayHoldWhatStagesAreMadeOf() {
    assertThat(InputStageSpec.parse("a=b,c:0=u8,resize=2x2").tensor()).isEqualTo("a=b,c:0");
    assertThat(OutputStageSpec.parse("a=b:0=argmax").tensor()).isEqualTo("a=b:0");
  }

  @Test
  void openDimensionsComeFromTheStage() {
    InputStage stage = InputStageSpec.parse("image=u8,letterbox=640x480").resolve(OPEN);
    assertThat(List.of(stage.height(), stage.width())).containsExactly(640, 480);
    assertThat(stage.type()).isEqualTo(ElementType.FLOAT16);
    InputStage plain = InputStageSpec.parse("image=u8,size=33x7").resolve(OPEN);
    assertThat(plain.fit()).isEqualTo(Fit.NONE);
    assertThat(plain.served(-1))
        .containsExactly(new TensorSpec("image", ElementType.UINT8, Shape.of(-1, 33, 7, 3)));
    assertThat(stage.served(-1))
        .containsExactly(
            new TensorSpec("image", ElementType.UINT8, Shape.of(-1, 768 * 768 * 3)),
            new TensorSpec("image.size", ElementType.INT32, Shape.of(-1, 2)));
    InputStage large = InputStageSpec.parse("image=u8,resize=1280x1280").resolve(OPEN);
    assertThat(large.capacityBytes()).isEqualTo(1280 * 1280 * 3);
  }

  @Test
  void modelsThatCanNotHaveAStageAreNamed() {
    refused("image=u8,letterbox=225x224", FIXED, "image: FLOAT[-1,3,224,224]", "say 224x224");
    refused("image=u8,size=100x100", FIXED, "add resize=224x224");
    refused("image=u8,mean=0.1:0.2", FIXED, "mean has 2 values", "3 channels");
    refused("image=u8", OPEN, "its height and width are open", "letterbox=HxW");
    refused("image=u8,std=0.1:0.2:0.3", GREY, "std has 3 values", "1 channels");
    refused("image=u8,order=bgr", GREY, "order=bgr is for three channels", "leave order out");
    refused("image=u8", spec(ElementType.UINT8, -1, 3, 8, 8), "float or float16");
    refused("image=u8", spec(ElementType.FLOAT, -1, 3, 8), "4 dimensions");
    refused("image=u8", spec(ElementType.FLOAT, -1, 8, 8, 3), "channels stand last", "Transpose");
    refused("image=u8", spec(ElementType.FLOAT, -1, 4, 8, 8), "1 or 3 channels");
    refused("image=u8,size=8x8", spec(ElementType.FLOAT, -1, -1, 8, 8), "1 or 3 channels");
    refused("image=u8", spec(ElementType.FLOAT, -1, 3, 0, 8), "1 to 16384");
    refused(
        "image=u8,resize=8x8,max=16384x16384", spec(ElementType.FLOAT, -1, 3, 8, 8), "more than");
  }

  /** A factor or a summand that a float does not hold would make infinities of the pixels. */
  @ParameterizedTest
  @CsvSource({
    "scale=1e38",
    "scale=1e-50",
    "scale=1e38:std=1e-5",
    "scale=1:mean=1e38:std=1e-5",
    "scale=1:mean=-3e38:std=0.5",
    "scale=1e-30:std=1e30",
  })
  void numbersThatOverflowAreRefused(String words) {
    String text = "image=u8," + words.replace(':', ',');
    refused(text, FIXED, "(x * scale - mean) / std", "FLOAT holds", "another scale, mean or std");
  }

  @Test
  void halvesOverflowEarlier() {
    refused("image=u8,size=8x8,scale=257", OPEN, "65535.0 of 255", "FLOAT16 holds", "65504.0");
    refused("image=u8,size=8x8,scale=1,mean=1,std=1e-5", OPEN, "FLOAT16 holds");
    String most = "image=u8,size=8x8,scale=256";
    assertThat(InputStageSpec.parse(most).resolve(OPEN).scale()).isEqualTo(256);
  }

  private static TensorSpec spec(ElementType type, long... dims) {
    return new TensorSpec("image", type, Shape.of(dims));
  }

  private static void refused(String text, TensorSpec model, String... words) {
    InputStageSpec spec = InputStageSpec.parse(text);
    assertThatThrownBy(() -> spec.resolve(model))
        .isInstanceOf(IllegalArgumentException.class)
        .message()
        .contains(words);
  }

  @Test
  void outputStages() {
    TensorSpec logits = new TensorSpec("y", ElementType.FLOAT, Shape.of(-1, 10));
    OutputStage top = OutputStageSpec.parse("y=softmax_topk:3").resolve(logits, Shape.of(2, 10));
    assertThat(top.served(-1))
        .containsExactly(
            new TensorSpec("y.values", ElementType.FLOAT, Shape.of(-1, 3)),
            new TensorSpec("y.indices", ElementType.INT32, Shape.of(-1, 3)));
    OutputStage best = OutputStageSpec.parse("y=argmax").resolve(logits, Shape.of(2, 10, 1, 1));
    assertThat(best.columns()).isEqualTo(10);
    assertThat(best.served(4))
        .containsExactly(
            new TensorSpec("y.index", ElementType.INT32, Shape.of(4)),
            new TensorSpec("y.value", ElementType.FLOAT, Shape.of(4)));
    assertThat(List.of(top.text(), best.text())).containsExactly("y=softmax_topk:3", "y=argmax");
    OutputStage plain = OutputStageSpec.parse("y=topk:3").resolve(logits, Shape.of(2, 10));
    assertThat(plain.text()).isEqualTo("y=topk:3");
    assertThat(plain.served(-1)).isEqualTo(top.served(-1));
    for (Shape bad : List.of(Shape.of(), Shape.of(4), Shape.of(2, 5, 2), Shape.of(2, 0))) {
      assertThatThrownBy(() -> OutputStageSpec.parse("y=argmax").resolve(logits, bad))
          .hasMessageContaining("one list of scores");
    }
    assertThatThrownBy(
            () -> OutputStageSpec.parse("y=softmax_topk:11").resolve(logits, Shape.of(2, 10)))
        .hasMessageContaining("there are 10 scores");
    TensorSpec whole = new TensorSpec("y", ElementType.INT64, Shape.of(-1, 10));
    assertThatThrownBy(() -> OutputStageSpec.parse("y=argmax").resolve(whole, Shape.of(1, 10)))
        .hasMessageContaining("float or float16");
  }

  @ParameterizedTest
  @CsvSource({
    "y,is no output stage",
    "=argmax,is no output stage",
    "y=softmax,is no output stage",
    "y=softmax_topk,is no output stage",
    "y=softmax_topk:,is no output stage",
    "y=softmax_topk:0,K is 1 to",
    "y=softmax_topk:33,K is 1 to",
    "y=softmax_topk:-1,is no output stage",
    "y=argmax:2,is no output stage",
    "y=topk,is no output stage",
    "y=topk:33,topk:33 of 'y': K is 1 to",
  })
  void badOutputStages(String text, String problem) {
    assertThatThrownBy(() -> OutputStageSpec.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(problem);
  }
}
