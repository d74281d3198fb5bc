package dev.sluice.converter.image;

/**
 * A decoded image.
 *
 * <p>Thread safety: immutable, but for the array.
 *
 * @param height in pixels
 * @param width in pixels
 * @param channels 3: red, green, blue; 1: grey
 * @param pixels {@code height * width * channels} bytes: row, column, channel
 */
@SuppressWarnings("ArrayRecordComponent") // pixels are handed on, never compared
public record Image(int height, int width, int channels, byte[] pixels) {}
