package dev.sluice.bindings.cuda;

import java.util.Optional;

/**
 * One library that a GPU needs, and where it is.
 *
 * <p>Thread safety: immutable.
 *
 * @param name as in {@code libcudart.so.13}; may end in a {@code *} for the rest of a version
 * @param purpose the product that it is part of
 * @param found where it is; empty where it is missing
 * @param remedy what to do; empty where the system's loader finds it
 */
public record LibraryFinding(
    String name, String purpose, Optional<LibrarySearch.Found> found, String remedy) {
  /** Whether the system's loader finds the library. */
  public boolean ok() {
    return remedy.isEmpty();
  }
}
