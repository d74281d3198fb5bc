/**
 * Photographs out of files: JPEG and PNG, decoded by the JDK, and folders of them as a source of
 * samples.
 */
package dev.sluice.converter.image;
