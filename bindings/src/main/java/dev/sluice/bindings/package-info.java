/**
 * What every binding shares: handles that close once, the ledger of live handles, the element types
 * of ONNX, and how a native library is found.
 */
package dev.sluice.bindings;
