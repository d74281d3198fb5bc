package dev.sluice.converter.cli;

import dev.sluice.bindings.NativeException;
import dev.sluice.bindings.nvml.GpuReading;
import dev.sluice.bindings.nvml.Nvml;
import dev.sluice.bindings.nvrtc.Nvrtc;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * What NVML says of each GPU, and NVRTC of itself, for {@code sluice doctor}. What is missing is
 * part of the answer.
 *
 * <p>Thread safety: immutable.
 *
 * @param nvrtc the compiler's facts, or why there is none
 * @param gpus facts of each GPU, in NVML's order
 * @param nvmlVersion NVML's version; empty where it does not answer
 * @param noNvml why NVML does not answer; empty where it does
 * @param nvmlRemedy what to do about that; empty where it does
 */
record GpuHealth(
    Map<String, Object> nvrtc,
    List<Map<String, Object>> gpus,
    String nvmlVersion,
    String noNvml,
    String nvmlRemedy) {
  /** Asks this machine's libraries. */
  static GpuHealth ofMachine() {
    Map<String, Object> nvrtc = compiler();
    try (Nvml nvml = Nvml.load()) {
      List<Map<String, Object>> gpus = new ArrayList<>();
      for (int index = 0; index < nvml.count(); index++) {
        gpus.add(facts(nvml, index));
      }
      return new GpuHealth(nvrtc, gpus, nvml.version(), "", "");
    } catch (NativeException e) {
      return new GpuHealth(nvrtc, List.of(), "", e.failure(), e.remedy());
    }
  }

  private static Map<String, Object> compiler() {
    Map<String, Object> facts = new LinkedHashMap<>();
    try {
      Nvrtc nvrtc = Nvrtc.load();
      facts.put("library", nvrtc.library());
      facts.put("version", nvrtc.version());
      facts.put("architectures", nvrtc.architectures());
    } catch (NativeException e) {
      facts.put("missing", e.getMessage());
    }
    return facts;
  }

  private static Map<String, Object> facts(Nvml nvml, int index) {
    try {
      return facts(nvml.readIndex(index));
    } catch (NativeException e) {
      // One GPU that fell off the bus does not hide the others.
      return Map.of("error", e.getMessage());
    }
  }

  /** The facts that the GPU tells, with their units. */
  static Map<String, Object> facts(GpuReading gpu) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("name", gpu.name());
    facts.put("uuid", gpu.uuid());
    put(facts, "busyPercent", gpu.busyPercent());
    put(facts, "memoryBusyPercent", gpu.memoryBusyPercent());
    put(facts, "memoryUsedBytes", gpu.memoryUsedBytes());
    put(facts, "memoryTotalBytes", gpu.memoryTotalBytes());
    put(facts, "temperatureC", gpu.temperatureC());
    put(facts, "powerMw", gpu.powerMw());
    put(facts, "powerLimitMw", gpu.powerLimitMw());
    put(facts, "energyMj", gpu.energyMj());
    put(facts, "smClockMhz", gpu.smClockMhz());
    put(facts, "smClockMaxMhz", gpu.smClockMaxMhz());
    put(facts, "memoryClockMhz", gpu.memoryClockMhz());
    facts.put("slowedBy", gpu.slowedBy());
    put(facts, "eccEnabled", gpu.eccEnabled());
    put(facts, "eccUncorrected", gpu.eccUncorrected());
    gpu.computeMode().ifPresent(mode -> facts.put("computeMode", mode));
    put(facts, "migEnabled", gpu.migEnabled());
    put(facts, "persistent", gpu.persistent());
    facts.put("processes", gpu.processes());
    return facts;
  }

  /** A list of remedies, with NVML's behind it where it does not answer. */
  List<String> withRemedy(List<String> remedies) {
    List<String> all = new ArrayList<>(remedies);
    if (!nvmlRemedy.isEmpty()) {
      all.add(nvmlRemedy);
    }
    return all;
  }

  private static void put(Map<String, Object> facts, String name, OptionalLong value) {
    value.ifPresent(number -> facts.put(name, number));
  }

  /** Lines for people. */
  void rows(TextTable table) {
    table.row(
        "compiler",
        nvrtc.containsKey("missing")
            ? "none: " + nvrtc.get("missing")
            : "NVRTC " + nvrtc.get("version") + ", " + nvrtc.get("library"));
    table.row("nvml", noNvml.isEmpty() ? nvmlVersion : "none: " + noNvml);
    for (Map<String, Object> gpu : gpus) {
      List<String> words = new ArrayList<>();
      gpu.forEach((name, value) -> {
        if (!List.of().equals(value)) {
          words.add(name + " " + value);
        }
      });
      table.row("gpu", String.join(", ", words));
    }
  }
}
