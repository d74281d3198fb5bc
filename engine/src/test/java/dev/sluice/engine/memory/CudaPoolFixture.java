package dev.sluice.engine.memory;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import dev.sluice.bindings.cuda.CudaApi;
import dev.sluice.bindings.cuda.CudaConstants;
import dev.sluice.bindings.cuda.CudaStatus;
import dev.sluice.bindings.sim.FaultPlan;
import dev.sluice.bindings.sim.SimulatedCuda;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A simulated device's primary context, current, with streams and a budget. Closing it checks that
 * pools and tests left nothing behind.
 */
final class CudaPoolFixture implements AutoCloseable {
  static final long MIB = 1 << 20;

  private final SimulatedCuda cuda;
  private final CudaApi api;
  private final Map<String, Runnable> hooks = new ConcurrentHashMap<>();
  private final Arena arena = Arena.ofShared();
  private final MemorySegment out = arena.allocate(64, 8);
  private final MemoryBudget root;
  private final long context;
  private final List<Long> streams = new ArrayList<>();
  private final List<MemoryBudget> budgets = new ArrayList<>();

  CudaPoolFixture(SimulatedCuda cuda, long limitBytes) {
    this.cuda = cuda;
    this.api = hooked();
    this.root = MemoryBudget.root("device", limitBytes);
    ok(cuda.cuInit(0));
    ok(cuda.cuDevicePrimaryCtxRetain(out, 0));
    context = out.get(JAVA_LONG, 0);
    enter();
  }

  static CudaPoolFixture open() {
    return with(FaultPlan.none());
  }

  static CudaPoolFixture with(FaultPlan faults) {
    return new CudaPoolFixture(
        SimulatedCuda.builder().faults(faults).build(), MemoryBudget.UNLIMITED);
  }

  static CudaPoolFixture limitedTo(long limitBytes) {
    return new CudaPoolFixture(SimulatedCuda.builder().build(), limitBytes);
  }

  static void ok(int status) {
    assertThat(CudaStatus.of(status).orElseThrow()).isEqualTo(CudaStatus.SUCCESS);
  }

  /** The simulated driver, but for what {@link #before} puts into its way. */
  private CudaApi hooked() {
    return (CudaApi)
        Proxy.newProxyInstance(
            CudaApi.class.getClassLoader(),
            new Class<?>[] {CudaApi.class},
            (_, method, arguments) -> {
              Runnable hook = hooks.remove(method.getName());
              if (hook != null) {
                hook.run();
              }
              try {
                return method.invoke(cuda, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              }
            });
  }

  /** Runs something before the next call of a function. */
  void before(String function, Runnable hook) {
    hooks.put(function, hook);
  }

  /** Makes the context current on this thread. */
  void enter() {
    ok(cuda.cuCtxSetCurrent(context));
  }

  long stream() {
    ok(api.cuStreamCreateWithPriority(out, CudaConstants.CU_STREAM_NON_BLOCKING, 0));
    long stream = out.get(JAVA_LONG, 0);
    streams.add(stream);
    return stream;
  }

  SimulatedCuda cuda() {
    return cuda;
  }

  MemorySegment out() {
    return out;
  }

  long context() {
    return context;
  }

  MemoryBudget root() {
    return root;
  }

  MemoryBudget child(String name, long limitBytes) {
    MemoryBudget budget = root.child(name, limitBytes);
    budgets.add(budget);
    return budget;
  }

  DevicePool device(String name) {
    return new DevicePool(api, context, name, root);
  }

  DevicePool device(MemoryBudget budget) {
    return new DevicePool(api, context, budget.level().name(), budget);
  }

  PinnedPool pinned(String name) {
    return new PinnedPool(api, context, name, root);
  }

  PinnedPool pinned(MemoryBudget budget) {
    return new PinnedPool(api, context, "pinned of " + budget.level().name(), budget);
  }

  /** Runs something on another thread, until that is done. */
  void elsewhere(Runnable body) {
    List<Throwable> failed = new ArrayList<>();
    Thread thread =
        Thread.ofPlatform()
            .start(() -> {
              try {
                enter();
                body.run();
              } catch (RuntimeException | AssertionError e) {
                failed.add(e);
              }
            });
    await(thread);
    for (Throwable e : failed) {
      throw new AssertionError(e);
    }
  }

  static void await(Thread thread) {
    try {
      thread.join(30_000);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
    assertThat(thread.isAlive()).as("hangs").isFalse();
  }

  @Override
  public void close() {
    assertThat(root.level().usedBytes()).isZero();
    budgets.reversed().forEach(MemoryBudget::close);
    root.close();
    streams.forEach(stream -> cuda.cuStreamDestroy_v2(stream));
    cuda.cuCtxSetCurrent(0);
    cuda.cuDevicePrimaryCtxRelease_v2(0);
    arena.close();
    assertThat(cuda.leaks()).isEmpty();
    assertThat(cuda.races()).isEmpty();
    cuda.close();
  }
}
