package dev.sluice.converter.cli;

import dev.sluice.engine.EngineOptions;

/**
 * How a package is opened where one request runs at a time: nothing is measured, and no more memory
 * is taken than one request and its successor need.
 *
 * <p>Thread safety: stateless.
 */
final class OneCaller {
  private OneCaller() {}

  static EngineOptions options(String device) {
    return EngineOptions.builder().device(device).tune(false).lanes(1).buffersPerShape(2).build();
  }
}
