package dev.sluice.bindings;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/**
 * Counts the native handles of this process that are open, by kind.
 *
 * <p>With the system property {@code sluice.checked=true} it also keeps where each was opened, so
 * that a leak report can say so; that costs a stack trace per handle.
 *
 * <p>Thread safety: any thread; a snapshot taken while others open and close is approximate.
 */
public final class HandleLedger {
  private static final boolean CHECKED = Boolean.getBoolean("sluice.checked");
  private static final Map<String, LongAdder> COUNTS = new ConcurrentHashMap<>();
  private static final Map<Site, Site> SITES = new ConcurrentHashMap<>();

  private HandleLedger() {}

  /**
   * What is open.
   *
   * <p>Thread safety: immutable.
   *
   * @param live number of open handles by kind; kinds without any are left out
   * @param sites with {@code sluice.checked=true} one text per open handle: kind, label and stack
   *     trace of its creation; else empty
   */
  public record Snapshot(SortedMap<String, Long> live, List<String> sites) {
    /** Whether nothing is open. */
    public boolean isEmpty() {
      return live.isEmpty();
    }
  }

  /** What is open now. */
  public static Snapshot snapshot() {
    SortedMap<String, Long> live = new TreeMap<>();
    COUNTS.forEach((kind, count) -> {
      long open = count.sum();
      if (open != 0) {
        live.put(kind, open);
      }
    });
    List<String> sites = new ArrayList<>();
    SITES.keySet().forEach(site -> sites.add(site.describe()));
    return new Snapshot(live, List.copyOf(sites));
  }

  /** Counts a handle; the result goes to {@link #closed}. */
  static Object opened(String kind, String label) {
    COUNTS.computeIfAbsent(kind, k -> new LongAdder()).increment();
    if (!CHECKED) {
      return null;
    }
    Site site = new Site(kind, label);
    SITES.put(site, site);
    return site;
  }

  static void closed(String kind, Object entry) {
    COUNTS.get(kind).decrement();
    if (entry instanceof Site site) {
      SITES.remove(site);
    }
  }

  /** Where a handle was opened; equal to itself only. */
  private static final class Site {
    private static final int MAX_FRAMES = 24;

    private final String kind;
    private final String label;
    private final StackTraceElement[] frames;

    Site(String kind, String label) {
      this.kind = kind;
      this.label = label;
      this.frames = new Throwable().getStackTrace();
    }

    String describe() {
      StringBuilder text = new StringBuilder(kind);
      if (!label.isEmpty()) {
        text.append(" (").append(label).append(')');
      }
      text.append(", opened");
      int shown = 0;
      for (StackTraceElement frame : frames) {
        boolean ours =
            frame.getClassName().equals(HandleLedger.class.getName())
                || frame.getClassName().equals(NativeHandle.class.getName())
                || frame.getClassName().equals(Site.class.getName());
        if (!ours && shown++ < MAX_FRAMES) {
          text.append("\n    at ").append(frame);
        }
      }
      return text.toString();
    }
  }
}
