package dev.sluice.converter.build;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** The folder of real models, where there is one. */
final class RealModels {
  private RealModels() {}

  /** A file of the folder; skips the test where the folder was not given. */
  static Path file(String name) {
    String folder = System.getProperty("sluice.models", "");
    assumeTrue(!folder.isEmpty(), "no real models: give their folder with -Dsluice.models=FOLDER");
    return Path.of(folder).resolve(name);
  }

  /** A file of little-endian float32 numbers. */
  static float[] floats(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    float[] floats = new float[bytes.length / Float.BYTES];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(floats);
    return floats;
  }
}
