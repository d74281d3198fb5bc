package dev.sluice.bench.peers;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/**
 * What a run of the table measured, and where.
 *
 * <p>Thread safety: immutable.
 *
 * @param date of the run, as ISO 8601 has it
 * @param command the table's arguments
 * @param machine processor, cores, operating system
 * @param versions by name: Java, ONNX Runtime, DJL, Sluice
 * @param rows the lines, in the table's order
 */
public record TableResults(
    String date,
    String command,
    String machine,
    Map<String, String> versions,
    List<TableRow> rows) {
  private static final JsonMapper JSON =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  /** Copies what it is given. */
  public TableResults {
    versions = Map.copyOf(versions);
    rows = List.copyOf(rows);
  }

  /** Reads what {@link #write} wrote. */
  public static TableResults read(Path file) throws IOException {
    return JSON.readValue(Files.readString(file), TableResults.class);
  }

  /** Writes it as JSON. */
  public void write(Path file) throws IOException {
    Files.writeString(file, JSON.writeValueAsString(this));
  }
}
