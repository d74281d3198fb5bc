package dev.sluice.converter.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.engine.format.PackageException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is read out of the inspector's words. */
class PlanLayersTest {
  private static PlanLayers.Layer only(String layer) throws PackageException {
    String json = "{\"Layers\": [" + layer + "]}";
    return PlanLayers.read(json.getBytes(StandardCharsets.UTF_8), "test").getFirst();
  }

  @ParameterizedTest
  @CsvSource({
    "Float, fp32",
    "Row major linear FP32, fp32",
    "Half, fp16",
    "Row major linear FP16 format, fp16",
    "Channel major FP16 format where channel % 8 == 0, fp16",
    "BFloat16, bf16",
    "BF16, bf16",
    "Int8, int8",
    "Thirty-two wide channel vectorized row major Int8 format, int8",
    "UInt8, uint8",
    "Int32, int32",
    "Int64, int64",
    "FP8, fp8",
    "Bool, bool",
    "Strange, Strange"
  })
  void theTypeIsKnownByAnyOfItsNames(String format, String precision) throws PackageException {
    assertThat(only("{\"Outputs\": [{\"Format/Datatype\": \"" + format + "\"}]}").precision())
        .isEqualTo(precision);
  }

  @Test
  void severalOutputsHaveEachTheirsAndALayerWithoutOutputsThatOfItsInputs()
      throws PackageException {
    String half = "{\"Format/Datatype\": \"Half\"}";
    String whole = "{\"Format/Datatype\": \"Int32\"}";
    assertThat(only("{\"Outputs\": [" + whole + "," + half + "," + half + "]}").precision())
        .isEqualTo("fp16,int32");
    assertThat(only("{\"Inputs\": [" + half + "], \"Outputs\": []}").precision()).isEqualTo("fp16");
    assertThat(only("{}").precision()).isEmpty();
    String unknown = "{\"Format/Datatype\": \"N/A due to dynamic shapes\"}";
    assertThat(only("{\"Outputs\": [" + unknown + "]}").precision()).isEmpty();
  }
}
