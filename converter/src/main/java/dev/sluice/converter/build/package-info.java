/**
 * From an ONNX model to a package: moves the weights out, runs the model, proves batching, and
 * writes the file.
 *
 * <p>Batching is proven on samples. Rows share a run only if axis 0 of every input is declared
 * dynamic, axis 0 of every output has the number of rows, and several rows together give what each
 * gives alone, see {@link dev.sluice.converter.build.BatchProof}. Everything else runs unbatched,
 * with the reason in the manifest.
 */
package dev.sluice.converter.build;
