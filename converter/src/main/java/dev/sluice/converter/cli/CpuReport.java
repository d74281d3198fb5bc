package dev.sluice.converter.cli;

import dev.sluice.bindings.CacheDirectory;
import dev.sluice.bindings.onnxruntime.OrtEnvironment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * What this machine has and lacks for the CPU backend.
 *
 * <p>Thread safety: immutable.
 *
 * @param ok whether ONNX Runtime loads
 * @param facts what was found, by the name it has in JSON
 * @param missing what is wrong, one sentence each
 * @param remedies what to do about it
 */
record CpuReport(
    boolean ok, Map<String, Object> facts, List<String> missing, List<String> remedies) {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

  /** Files of cgroup 2 and cgroup 1 that limit this process' processor time. */
  private static final Path CGROUP_2 = Path.of("/sys/fs/cgroup/cpu.max");

  private static final Path CGROUP_1 = Path.of("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  private static final Path CGROUP_1_PERIOD = Path.of("/sys/fs/cgroup/cpu/cpu.cfs_period_us");

  /** What ONNX Runtime's kernels are chosen by, as Linux names it. */
  private static final List<String> FEATURES =
      List.of(
          "avx",
          "avx2",
          "fma",
          "f16c",
          "avx512f",
          "avx512_vnni",
          "avx_vnni",
          "avx512_bf16",
          "avx512_fp16",
          "amx_tile",
          "amx_int8",
          "amx_bf16",
          "asimddp",
          "i8mm",
          "bf16",
          "sve");

  private static final Set<String> VNNI = Set.of("avx512_vnni", "avx_vnni", "asimddp", "i8mm");

  /** Looks at this machine; loads ONNX Runtime. */
  static CpuReport ofMachine() {
    Map<String, Object> facts = new LinkedHashMap<>();
    List<String> missing = new ArrayList<>();
    List<String> remedies = new ArrayList<>();
    facts.put(
        "jdk",
        System.getProperty("java.vendor")
            + " "
            + System.getProperty("java.runtime.version")
            + ", "
            + System.getProperty("java.home"));
    facts.put("platform", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
    Map<String, String> cpu = cpuInfo();
    facts.put("processor", cpu.getOrDefault("model name", "unknown"));
    List<String> features = features(cpu);
    facts.put("features", features);
    boolean vnni = features.stream().anyMatch(VNNI::contains);
    facts.put("vnni", vnni);
    facts.put("cores", Runtime.getRuntime().availableProcessors());
    facts.put("quotaCores", quotaCores(CGROUP_2, CGROUP_1, CGROUP_1_PERIOD));
    facts.put("cache", CacheDirectory.root().toString());
    boolean ok = false;
    try {
      OrtEnvironment environment = OrtEnvironment.shared();
      facts.put("onnxRuntime", environment.version());
      facts.put("onnxRuntimeLibrary", environment.libraryPath().toString());
      ok = true;
    } catch (RuntimeException | UnsatisfiedLinkError e) {
      missing.add("ONNX Runtime does not load: " + Failures.message(e));
      remedies.add(
          "use the ONNX Runtime that comes with Sluice: on Linux with glibc, without"
              + " -Dsluice.onnxruntime.library, and with a cache folder that programs may be run from"
              + " (-Dsluice.cache=DIR moves it)");
    }
    return new CpuReport(ok, facts, missing, remedies);
  }

  /** The first processor's lines of {@code /proc/cpuinfo}; empty where there is none. */
  private static Map<String, String> cpuInfo() {
    Map<String, String> info = new LinkedHashMap<>();
    for (String line : lines(CPU_INFO)) {
      int colon = line.indexOf(':');
      if (colon > 0) {
        info.putIfAbsent(line.substring(0, colon).strip(), line.substring(colon + 1).strip());
      }
    }
    return info;
  }

  private static List<String> features(Map<String, String> cpu) {
    String flags = cpu.getOrDefault("flags", cpu.getOrDefault("Features", ""));
    Set<String> has = new HashSet<>(List.of(flags.split(" ", -1)));
    return FEATURES.stream().filter(has::contains).toList();
  }

  /** Cores' worth of time that the container may use, or null where nothing limits it. */
  static Double quotaCores(Path cgroup2, Path cgroup1, Path cgroup1Period) {
    try {
      List<String> max = lines(cgroup2);
      if (!max.isEmpty()) {
        String[] parts = max.getFirst().split(" ", -1);
        return parts[0].equals("max")
            ? null
            : (Double) (Double.parseDouble(parts[0]) / Double.parseDouble(parts[1]));
      }
      List<String> quota = lines(cgroup1);
      List<String> period = lines(cgroup1Period);
      if (quota.isEmpty() || period.isEmpty() || quota.getFirst().startsWith("-")) {
        return null;
      }
      return Double.parseDouble(quota.getFirst()) / Double.parseDouble(period.getFirst());
    } catch (NumberFormatException | IndexOutOfBoundsException e) {
      return null;
    }
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException e) {
      // Not a Linux with this file: nothing is known.
      return List.of();
    }
  }

  /** The name of a fact for people: {@code quotaCores} is "quota cores". */
  static String label(String name) {
    return name.replaceAll("(?<=[a-z])([A-Z])", " $1")
        .toLowerCase(Locale.ROOT)
        .replace("onnx runtime", "ONNX Runtime")
        .replace("jdk", "JDK");
  }

  /** A fact for people. */
  static String text(Object value) {
    return switch (value) {
      case null -> "none";
      case Boolean b -> b ? "yes" : "no";
      case List<?> list -> String.join(" ", list.stream().map(String::valueOf).toList());
      default -> value.toString();
    };
  }
}
