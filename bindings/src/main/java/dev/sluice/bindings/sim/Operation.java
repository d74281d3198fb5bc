package dev.sluice.bindings.sim;

/**
 * Something that was put into a stream.
 *
 * <p>Thread safety: immutable, but for the clock, which nobody changes any more.
 *
 * @param sequence the place in the order of all calls
 * @param clock what it comes after, itself included
 * @param tick its number in its stream's clock
 */
record Operation(Action action, SimStream stream, long sequence, Clock clock, long tick) {}
