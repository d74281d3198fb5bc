package dev.sluice.bindings.onnxruntime;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.sluice.bindings.NativeHandle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/**
 * Makes {@code OrtSessionOptions} from {@link OrtSessionOptions}.
 *
 * <p>Thread safety: stateless.
 */
final class OrtOptionsWriter {
  // Keys of onnxruntime_session_options_config_keys.h.
  private static final String SPINNING = "session.intra_op.allow_spinning";
  private static final String WEIGHTS_FOLDER =
      "session.model_external_initializers_file_folder_path";

  private OrtOptionsWriter() {}

  /** The options as a handle, which the caller closes. */
  static NativeHandle write(OrtApi api, OrtSessionOptions options) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(JAVA_LONG);
      OrtErrorCode.check(api, api.CreateSessionOptions(out.address()), "CreateSessionOptions", "");
      NativeHandle handle =
          OrtEnvironment.own("OrtSessionOptions", "", out, api::ReleaseSessionOptions);
      try {
        fill(api, handle.raw(), options, arena);
      } catch (RuntimeException e) {
        handle.close();
        throw e;
      }
      return handle;
    }
  }

  private static void fill(OrtApi api, long handle, OrtSessionOptions options, Arena arena) {
    OrtErrorCode.check(
        api,
        api.SetIntraOpNumThreads(handle, options.intraOpThreads()),
        "SetIntraOpNumThreads",
        Integer.toString(options.intraOpThreads()));
    OrtErrorCode.check(
        api,
        api.SetSessionGraphOptimizationLevel(handle, options.optimization().code),
        "SetSessionGraphOptimizationLevel",
        options.optimization().toString());
    if (!options.arena()) {
      OrtErrorCode.check(api, api.DisableMemPattern(handle), "DisableMemPattern", "");
      OrtErrorCode.check(api, api.DisableCpuMemArena(handle), "DisableCpuMemArena", "");
    }
    Map<String, String> config = new TreeMap<>();
    config.put(SPINNING, options.spinning() ? "1" : "0");
    if (options.externalWeightsFolder() != null) {
      config.put(WEIGHTS_FOLDER, options.externalWeightsFolder().toAbsolutePath().toString());
    }
    config.putAll(options.config());
    config.forEach((key, value) ->
        OrtErrorCode.check(
            api,
            api.AddSessionConfigEntry(
                handle, arena.allocateFrom(key).address(), arena.allocateFrom(value).address()),
            "AddSessionConfigEntry",
            key + "=" + value));
    for (Path library : options.customOps()) {
      String path = library.toAbsolutePath().toString();
      OrtErrorCode.check(
          api,
          api.RegisterCustomOpsLibrary_V2(handle, arena.allocateFrom(path).address()),
          "RegisterCustomOpsLibrary_V2",
          path);
    }
    if (!options.externalFiles().isEmpty()) {
      addFiles(api, handle, new TreeMap<>(options.externalFiles()), arena);
    }
  }

  private static void addFiles(
      OrtApi api, long handle, Map<String, MemorySegment> files, Arena arena) {
    int count = files.size();
    MemorySegment names = arena.allocate(JAVA_LONG, count);
    MemorySegment buffers = arena.allocate(JAVA_LONG, count);
    MemorySegment lengths = arena.allocate(JAVA_LONG, count);
    int i = 0;
    for (Map.Entry<String, MemorySegment> file : files.entrySet()) {
      if (!file.getValue().isNative()) {
        throw new IllegalArgumentException(
            "the bytes of '" + file.getKey() + "' must be native memory, or a mapping");
      }
      names.setAtIndex(JAVA_LONG, i, arena.allocateFrom(file.getKey()).address());
      buffers.setAtIndex(JAVA_LONG, i, file.getValue().address());
      lengths.setAtIndex(JAVA_LONG, i, file.getValue().byteSize());
      i++;
    }
    OrtErrorCode.check(
        api,
        api.AddExternalInitializersFromFilesInMemory(
            handle, names.address(), buffers.address(), lengths.address(), count),
        "AddExternalInitializersFromFilesInMemory",
        files.keySet().toString());
  }
}
