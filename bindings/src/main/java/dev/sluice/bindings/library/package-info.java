/** Shared libraries that are opened at run time, and downcalls into them. Not exported. */
package dev.sluice.bindings.library;
