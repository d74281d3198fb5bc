package dev.sluice.converter.cli;

import dev.sluice.bindings.ElementType;
import dev.sluice.engine.Shape;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A tensor on its way from a file to the engine or back.
 *
 * <p>Thread safety: immutable, but for the memory.
 *
 * @param type its element type
 * @param shape static
 * @param data the elements in C order, little endian; null for STRING
 * @param strings the elements of a STRING tensor, else null
 */
record Tensor(ElementType type, Shape shape, MemorySegment data, List<String> strings) {}
