package dev.sluice.engine.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.sluice.bindings.tensorrt.TensorRtApi.HardwareCompatibilityLevel;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PlanCacheTest {
  private static final PlanWatch QUIET = (_, _, _) -> {};

  @TempDir Path folder;

  private final PlanCache cache = new PlanCache(PlanCache.DEFAULT_LIMIT_BYTES);
  private final AtomicInteger builds = new AtomicInteger();
  private String before;

  @BeforeEach
  void useOwnCache() {
    before = PlanTests.useCache(folder.resolve("cache"));
  }

  @AfterEach
  void restore() {
    System.setProperty("sluice.cache", before);
  }

  private static PlanKey key(long workspaceBytes) {
    return PlanTests.key(
        new PlanOptions(workspaceBytes, 3, HardwareCompatibilityLevel.NONE, false, true));
  }

  private PlanCache.Source source(String content) {
    return sink -> {
      builds.incrementAndGet();
      sink.take(MemorySegment.ofArray(content.getBytes(StandardCharsets.US_ASCII)));
    };
  }

  private String load(PlanCache from, PlanKey key, String content) throws Exception {
    try (Plan plan = from.findOrBuild(key, QUIET, source(content))) {
      assertThat(plan.data().address() % 64).isZero();
      assertThat(plan.key()).isEqualTo(key);
      return new String(plan.data().toArray(ValueLayout.JAVA_BYTE), StandardCharsets.US_ASCII);
    }
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> files = Files.list(folder.resolve("cache/plans"))) {
      return files.toList();
    }
  }

  @Test
  void aPlanIsBuiltOncePerKey() throws Exception {
    assertThat(cache.find(key(1))).isEmpty();
    assertThat(load(cache, key(1), "one")).isEqualTo("one");
    assertThat(load(cache, key(1), "again")).isEqualTo("one");
    assertThat(load(cache, key(2), "two")).isEqualTo("two");
    assertThat(builds).hasValue(2);
    assertThat(files())
        .hasSize(2)
        .allMatch(file -> file.getFileName().toString().startsWith("trt-11.2.0-sm90-"));
    cache.remove(key(1));
    assertThat(load(cache, key(1), "anew")).isEqualTo("anew");
  }

  @Test
  void aDamagedPlanIsBuiltAnew() throws Exception {
    load(cache, key(1), "whole");
    Path file = files().getFirst();
    byte[] good = Files.readAllBytes(file);
    good[good.length - 2] ^= 4;
    Files.write(file, good);
    assertThat(load(cache, key(1), "mended")).isEqualTo("mended");
    Files.write(file, new byte[] {1, 2, 3});
    assertThat(load(cache, key(1), "cut")).isEqualTo("cut");
    // Another key's plan under this name is not taken.
    load(cache, key(2), "other");
    Path other = files().stream().filter(f -> !f.equals(file)).findFirst().orElseThrow();
    Files.copy(other, file, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    assertThat(load(cache, key(1), "own")).isEqualTo("own");
  }

  @Test
  void theLeastRecentlyUsedIsRemovedAndStaysMapped() throws Exception {
    String large = "x".repeat(1000);
    PlanCache small = new PlanCache(2500);
    load(small, key(1), large);
    load(small, key(2), large);
    for (Path file : files()) {
      Files.setLastModifiedTime(file, FileTime.fromMillis(1_000_000));
    }
    try (Plan first = small.find(key(1)).orElseThrow();
        Plan second = cache.find(key(2)).orElseThrow()) {
      Files.setLastModifiedTime(Path.of(second.origin()), FileTime.fromMillis(2_000_000));
      load(small, key(3), large);
      assertThat(small.find(key(2))).isEmpty();
      assertThat(second.data().get(ValueLayout.JAVA_BYTE, 999)).isEqualTo((byte) 'x');
      assertThat(Path.of(first.origin())).exists();
    }
    PlanCache none = new PlanCache(0);
    assertThat(load(none, key(4), large)).isEqualTo(large);
    assertThat(files()).hasSize(1);
  }

  @Test
  void threadsThatWantOnePlanBuildItOnce() throws Exception {
    CountDownLatch started = new CountDownLatch(1);
    PlanCache.Source slow =
        sink -> {
          started.countDown();
          try {
            TimeUnit.MILLISECONDS.sleep(150);
          } catch (InterruptedException e) {
            throw new AssertionError(e);
          }
          source("slow").build(sink);
        };
    List<String> waits = java.util.Collections.synchronizedList(new ArrayList<>());
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Future<?>> all = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        all.add(
            threads.submit(() -> {
              PlanWatch watch = (phase, _, _) -> waits.add(phase);
              try (Plan plan = cache.findOrBuild(key(1), watch, slow)) {
                assertThat(plan.data().byteSize()).isEqualTo(4);
              }
              return null;
            }));
      }
      for (Future<?> one : all) {
        one.get(20, TimeUnit.SECONDS);
      }
    }
    assertThat(builds).hasValue(1);
    assertThat(waits).isNotEmpty().allMatch(phase -> phase.startsWith("wait for another build"));
    assertThat(files()).hasSize(1);
  }

  @Test
  void waitsForAnotherProcess() throws Exception {
    load(cache, key(2), "makes the folder");
    Path lock = folder.resolve("cache/plans").resolve(key(1).hash() + ".lock");
    Path go = folder.resolve("go");
    Process other =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Holder.class.getName(),
                lock.toString(),
                go.toString())
            .inheritIO()
            .start();
    try {
      while (!Files.exists(folder.resolve("go.held"))) {
        assertThat(other.isAlive()).isTrue();
        TimeUnit.MILLISECONDS.sleep(20);
      }
      AtomicBoolean waited = new AtomicBoolean();
      PlanWatch watch =
          (_, _, _) -> {
            waited.set(true);
            try {
              Files.createFile(go);
            } catch (IOException e) {
              throw new AssertionError(e);
            }
          };
      try (Plan plan = cache.findOrBuild(key(1), watch, source("mine"))) {
        assertThat(plan.data().byteSize()).isEqualTo(4);
      }
      assertThat(waited).isTrue();
      assertThat(other.waitFor()).isZero();
    } finally {
      other.destroyForcibly();
    }
  }

  /** Holds a lock until a file appears. */
  static final class Holder {
    private Holder() {}

    public static void main(String[] args) throws Exception {
      Path go = Path.of(args[1]);
      try (FileChannel channel =
              FileChannel.open(
                  Path.of(args[0]), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          var _ = channel.lock()) {
        Files.createFile(Path.of(args[1] + ".held"));
        for (int i = 0; i < 1000 && !Files.exists(go); i++) {
          TimeUnit.MILLISECONDS.sleep(20);
        }
      }
    }
  }

  @Test
  void aCancelledWaiterLeavesTheBuilderAlone() throws Exception {
    CountDownLatch building = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    try (ExecutorService threads = Executors.newSingleThreadExecutor()) {
      Future<String> builder =
          threads.submit(() -> {
            try (Plan plan =
                cache.findOrBuild(
                    key(1),
                    QUIET,
                    sink -> {
                      building.countDown();
                      try {
                        end.await();
                      } catch (InterruptedException e) {
                        throw new AssertionError(e);
                      }
                      source("built").build(sink);
                    })) {
              return plan.origin();
            }
          });
      building.await();
      PlanWatch impatient =
          new PlanWatch() {
            @Override
            public void step(String phase, int step, int steps) {}

            @Override
            public boolean cancelled() {
              return true;
            }
          };
      assertThatThrownBy(() -> cache.findOrBuild(key(1), impatient, source("second")))
          .isInstanceOf(PlanCancelledException.class);
      end.countDown();
      assertThat(builder.get(20, TimeUnit.SECONDS)).contains("trt-11.2.0-sm90");
    }
    assertThat(builds).hasValue(1);
  }

  @Test
  void nothingIsLeftOfAFailedBuildAndTheNextOneGoesOn() throws Exception {
    PlanException failure = new PlanException("no such operator");
    assertThatThrownBy(() ->
            cache.findOrBuild(
                key(1),
                QUIET,
                _ -> {
                  throw failure;
                }))
        .isSameAs(failure);
    assertThat(files()).isEmpty();
    assertThat(load(cache, key(1), "then")).isEqualTo("then");
  }

  @Test
  void aPlanThatCanNotBeWrittenIsRefusedWithTheRemedy() throws Exception {
    // A folder in the place of the plan that is not empty: neither removed nor replaced.
    load(cache, key(1), "once");
    Path file = files().getFirst();
    Files.delete(file);
    PlanCache.Source source =
        sink -> {
          Files.createDirectories(file.resolve("in the way"));
          source("mine").build(sink);
        };
    assertThatThrownBy(() -> cache.findOrBuild(key(1), QUIET, source))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("free space there")
        .hasMessageContaining("sluice.cache");
    assertThat(files()).containsExactly(file);
  }
}
