/**
 * The package: one file that holds a model and all that is needed to serve it.
 *
 * <p>A package is a ZIP file whose entries are stored, not compressed, so that the whole file is
 * mapped and each entry is used where it lies. Any unzip tool reads it. Layout of formats 1 and 2:
 *
 * <pre>
 *   0      local header of weights.bin, padded by an alignment extra field (id 0xD935)
 *   4096   weights.bin: the large tensors, at the offsets that the graphs name
 *          then each other entry: local header, padded so that the data starts at a multiple of 64
 *            graphs/cpu.onnx, and graphs/tensorrt.onnx only where it differs
 *            golden/...      inputs and outputs of a self-test, as .npy
 *            plans/...       plans of TensorRT, each with its key; see dev.sluice.engine.plan
 *            manifest.json   always last; see {@link dev.sluice.engine.format.Manifest}
 *          central directory, ZIP64 records where a size or an offset needs them, end record
 *          comment: "Sluice package, format N, sha256 " and the seal, 64 hexadecimal digits
 * </pre>
 *
 * <p>Nothing lies between these parts. The manifest has the SHA-256 of each other entry. The seal
 * is the SHA-256 of all that is outside of those entries' data: headers, padding, the manifest, the
 * directory and the comment up to the seal itself. So each bit of the file is covered, and the seal
 * alone identifies the content: it is the package's hash.
 *
 * <p>Format 2 is format 1 with stages in the manifest, which a reader of format 1 must not
 * overlook; a package without stages is written as format 1.
 *
 * <p>The graphs name their weights as ONNX external data whose location is the package's own file
 * name and whose offsets count from the start of the package.
 */
package dev.sluice.engine.format;
