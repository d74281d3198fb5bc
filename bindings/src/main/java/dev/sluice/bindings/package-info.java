/**
 * What every binding shares: handles that close once, the ledger of live handles, the element types
 * of ONNX, the user's cache, and how a native library gets from a jar to a file there.
 */
package dev.sluice.bindings;
