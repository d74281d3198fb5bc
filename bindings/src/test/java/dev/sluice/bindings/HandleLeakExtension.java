package dev.sluice.bindings;

import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Fails a test, or a test class, that leaves more native handles open than it found. Found by JUnit
 * itself wherever this is on the class path: no test has to ask for it.
 *
 * <p>Thread safety: for tests that run one after the other.
 */
public final class HandleLeakExtension
    implements BeforeAllCallback, BeforeEachCallback, AfterEachCallback, AfterAllCallback {
  private static final String LIVE = "live";

  @Override
  public void beforeAll(ExtensionContext context) {
    store(context).put(LIVE, HandleLedger.snapshot());
  }

  @Override
  public void beforeEach(ExtensionContext context) {
    store(context).put(LIVE, HandleLedger.snapshot());
  }

  @Override
  public void afterEach(ExtensionContext context) {
    check(context);
  }

  @Override
  public void afterAll(ExtensionContext context) {
    check(context);
  }

  private static void check(ExtensionContext context) {
    HandleLedger.Snapshot before = store(context).get(LIVE, HandleLedger.Snapshot.class);
    failOnLeak(context.getDisplayName(), before, HandleLedger.snapshot());
  }

  static void failOnLeak(String test, HandleLedger.Snapshot before, HandleLedger.Snapshot after) {
    SortedMap<String, Long> leaked = new TreeMap<>();
    after
        .live()
        .forEach((kind, open) -> {
          long more = open - before.live().getOrDefault(kind, 0L);
          if (more > 0) {
            leaked.put(kind, more);
          }
        });
    if (!leaked.isEmpty()) {
      throw new AssertionError(
          test
              + " left native handles open: "
              + leaked
              + "; open now:\n"
              + String.join("\n", after.sites()));
    }
  }

  private static ExtensionContext.Store store(ExtensionContext context) {
    return context.getStore(
        ExtensionContext.Namespace.create(HandleLeakExtension.class, context.getUniqueId()));
  }
}
