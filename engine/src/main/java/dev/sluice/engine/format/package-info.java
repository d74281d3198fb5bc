/** The package format ({@code *.sluice}): manifest, reader and writer. */
package dev.sluice.engine.format;
