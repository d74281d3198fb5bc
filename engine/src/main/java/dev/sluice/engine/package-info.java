/** The thin public API: open a package, claim rows, submit, read, close. */
package dev.sluice.engine;
