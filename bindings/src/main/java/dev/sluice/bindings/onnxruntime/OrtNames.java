package dev.sluice.bindings.onnxruntime;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.sluice.bindings.NativeMemory;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The names of a session's inputs and outputs as C strings, written once.
 *
 * <p>Thread safety: immutable until closed.
 */
final class OrtNames implements AutoCloseable {
  private final NativeMemory memory;
  private final long[] inputs;
  private final long[] outputs;

  private OrtNames(NativeMemory memory, long[] inputs, long[] outputs) {
    this.memory = memory;
    this.inputs = inputs;
    this.outputs = outputs;
  }

  static OrtNames of(String label, List<OrtValueInfo> inputs, List<OrtValueInfo> outputs) {
    long sizeBytes = sizeBytes(inputs) + sizeBytes(outputs);
    NativeMemory memory = NativeMemory.allocate("names of " + label, sizeBytes, 1);
    long[] inputAddresses = write(inputs, memory.segment());
    long[] outputAddresses = write(outputs, memory.segment().asSlice(sizeBytes(inputs)));
    return new OrtNames(memory, inputAddresses, outputAddresses);
  }

  private static long sizeBytes(List<OrtValueInfo> infos) {
    return infos.stream().mapToLong(info -> utf8(info).length + 1L).sum();
  }

  private static byte[] utf8(OrtValueInfo info) {
    return info.name().getBytes(StandardCharsets.UTF_8);
  }

  private static long[] write(List<OrtValueInfo> infos, MemorySegment target) {
    long[] addresses = new long[infos.size()];
    long offset = 0;
    for (int i = 0; i < addresses.length; i++) {
      byte[] name = utf8(infos.get(i));
      addresses[i] = target.address() + offset;
      MemorySegment.copy(name, 0, target, JAVA_BYTE, offset, name.length);
      // The block is zeroed, which ends the string.
      offset += name.length + 1L;
    }
    return addresses;
  }

  /** Address of the name of an input. */
  long input(int index) {
    memory.segment();
    return inputs[index];
  }

  /** Address of the name of an output. */
  long output(int index) {
    memory.segment();
    return outputs[index];
  }

  /** Addresses of the names of all inputs. */
  long[] inputs() {
    memory.segment();
    return inputs;
  }

  /** Addresses of the names of all outputs. */
  long[] outputs() {
    memory.segment();
    return outputs;
  }

  @Override
  public void close() {
    memory.close();
  }
}
