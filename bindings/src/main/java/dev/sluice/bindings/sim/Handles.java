package dev.sluice.bindings.sim;

import dev.sluice.bindings.cuda.CudaStatus;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * The objects behind handles. A handle holds a place and how often that place was taken, so that a
 * handle that was given back is never taken for a newer one; looking one up allocates nothing.
 *
 * <p>Thread safety: guarded by the simulated driver's lock.
 */
final class Handles {
  /** Tells handles from addresses, and from small numbers that somebody made up. */
  private static final long TAG = 0x51CE_0000_0000_0000L;

  private static final int PLACE_BITS = 24;

  private final List<Object> objects = new ArrayList<>();
  private final List<Integer> turns = new ArrayList<>();
  private final Deque<Integer> vacant = new ArrayDeque<>();

  long add(Object object) {
    Integer place = vacant.poll();
    if (place == null) {
      place = objects.size();
      objects.add(null);
      turns.add(0);
    }
    objects.set(place, object);
    turns.set(place, turns.get(place) + 1);
    return TAG | (long) turns.get(place) << PLACE_BITS | place;
  }

  /**
   * The object of a handle.
   *
   * @throws Refused with CUDA_ERROR_INVALID_HANDLE where it was closed, is of another type, or
   *     never was one
   */
  <T> T get(long handle, Class<T> type) {
    T object = find(handle, type);
    if (object == null) {
      throw new Refused(
          CudaStatus.INVALID_HANDLE,
          "0x" + Long.toHexString(handle) + " is no live " + type.getSimpleName());
    }
    return object;
  }

  /** The object of a handle, or null. */
  <T> T find(long handle, Class<T> type) {
    int place = (int) (handle & ((1 << PLACE_BITS) - 1));
    if (place >= objects.size()
        || handle != (TAG | (long) turns.get(place) << PLACE_BITS | place)) {
      return null;
    }
    Object object = objects.get(place);
    return type.isInstance(object) ? type.cast(object) : null;
  }

  /** Forgets an object; nothing where it is gone already. */
  void remove(long handle) {
    if (find(handle, Object.class) != null) {
      int place = (int) (handle & ((1 << PLACE_BITS) - 1));
      objects.set(place, null);
      vacant.push(place);
    }
  }

  /** All live objects of a type. */
  <T> List<T> all(Class<T> type) {
    return objects.stream().filter(type::isInstance).map(type::cast).toList();
  }
}
