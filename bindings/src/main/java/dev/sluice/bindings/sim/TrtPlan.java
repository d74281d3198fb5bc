package dev.sluice.bindings.sim;

import dev.sluice.bindings.tensorrt.TensorRtApi.HardwareCompatibilityLevel;
import dev.sluice.bindings.tensorrt.TensorRtApi.OptProfileSelector;
import dev.sluice.bindings.tensorrt.TensorRtApi.ProfilingVerbosity;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * A plan of the simulated TensorRT. As bytes: {@link #MAGIC}, the version of TensorRT, the SHA-256
 * of what follows, the compute capability, the options, the ranges of shapes, the model.
 *
 * <p>Thread safety: immutable, as nobody changes the arrays.
 *
 * @param architecture 10 times the major and the minor compute capability
 * @param profiles with bounds for every input
 * @param model ONNX, with its initializers inside
 */
@SuppressWarnings("ArrayRecordComponent") // nobody compares or changes it
record TrtPlan(
    int architecture,
    HardwareCompatibilityLevel compatibility,
    ProfilingVerbosity verbosity,
    boolean refittable,
    boolean tf32,
    int level,
    long workspaceBytes,
    List<TrtProfile> profiles,
    byte[] model) {
  static final long MAGIC = 0x534C_5549_4345_5254L;
  private static final int MAX_COUNT = 1 << 16;
  private static final int DIGEST_BYTES = 32;

  byte[] write(int version) {
    ByteArrayOutputStream rest = new ByteArrayOutputStream();
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    try (DataOutputStream body = new DataOutputStream(rest);
        DataOutputStream out = new DataOutputStream(all)) {
      body.writeInt(architecture);
      body.writeUTF(compatibility.name());
      body.writeUTF(verbosity.name());
      body.writeBoolean(refittable);
      body.writeBoolean(tf32);
      body.writeInt(level);
      body.writeLong(workspaceBytes);
      body.writeInt(profiles.size());
      for (TrtProfile profile : profiles) {
        write(body, profile);
      }
      body.writeInt(model.length);
      body.write(model);
      out.writeLong(MAGIC);
      out.writeInt(version);
      out.write(sha256(rest.toByteArray()));
      rest.writeTo(out);
    } catch (IOException e) {
      throw new UncheckedIOException("memory takes all bytes", e);
    }
    return all.toByteArray();
  }

  private static void write(DataOutputStream out, TrtProfile profile) throws IOException {
    out.writeInt(profile.bounds().size());
    for (Map.Entry<String, Map<OptProfileSelector, long[]>> input : profile.bounds().entrySet()) {
      out.writeUTF(input.getKey());
      out.writeInt(input.getValue().get(OptProfileSelector.MIN).length);
      for (OptProfileSelector select : OptProfileSelector.values()) {
        for (long dim : input.getValue().get(select)) {
          out.writeLong(dim);
        }
      }
    }
  }

  /**
   * Reads a plan.
   *
   * @param version of the TensorRT that reads
   * @throws IOException where it is of another version, damaged, or no plan
   */
  static TrtPlan read(byte[] bytes, int version) throws IOException {
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
      if (bytes.length < Long.BYTES + Integer.BYTES + DIGEST_BYTES || in.readLong() != MAGIC) {
        throw new IOException("the bytes are no plan, or a part of one");
      }
      int built = in.readInt();
      if (built != version) {
        throw new IOException("the plan is of TensorRT " + built + ", and this is " + version);
      }
      byte[] digest = in.readNBytes(DIGEST_BYTES);
      int begin = bytes.length - in.available();
      if (!Arrays.equals(digest, sha256(Arrays.copyOfRange(bytes, begin, bytes.length)))) {
        throw new IOException("the plan is damaged: its checksum differs");
      }
      return readBody(in);
    }
  }

  private static TrtPlan readBody(DataInputStream in) throws IOException {
    int architecture = in.readInt();
    HardwareCompatibilityLevel compatibility = HardwareCompatibilityLevel.valueOf(in.readUTF());
    ProfilingVerbosity verbosity = ProfilingVerbosity.valueOf(in.readUTF());
    boolean refittable = in.readBoolean();
    boolean tf32 = in.readBoolean();
    int level = in.readInt();
    long workspaceBytes = in.readLong();
    List<TrtProfile> profiles = new ArrayList<>();
    int count = count(in);
    for (int i = 0; i < count; i++) {
      profiles.add(readProfile(in));
    }
    byte[] model = in.readNBytes(in.readInt());
    return new TrtPlan(
        architecture,
        compatibility,
        verbosity,
        refittable,
        tf32,
        level,
        workspaceBytes,
        profiles,
        model);
  }

  private static TrtProfile readProfile(DataInputStream in) throws IOException {
    TrtProfile profile = new TrtProfile(null);
    int inputs = count(in);
    for (int i = 0; i < inputs; i++) {
      String input = in.readUTF();
      int rank = count(in);
      for (OptProfileSelector select : OptProfileSelector.values()) {
        long[] dims = new long[rank];
        for (int d = 0; d < rank; d++) {
          dims[d] = in.readLong();
        }
        profile.set(input, select, dims);
      }
    }
    return profile;
  }

  private static int count(DataInputStream in) throws IOException {
    int count = in.readInt();
    if (count < 0 || count > MAX_COUNT) {
      throw new IOException("a plan with a count of " + count);
    }
    return count;
  }

  /** Whether the plan runs on a device of a compute capability. */
  boolean runsOn(int device) {
    return compatibility == HardwareCompatibilityLevel.AMPERE_PLUS
        ? device >= 80
        : device == architecture;
  }

  static byte[] sha256(byte[] bytes) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(bytes);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
