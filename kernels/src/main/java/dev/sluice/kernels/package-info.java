/**
 * CUDA C++ kernels for what stands around a model, their launches, and for each a plain Java
 * reference: it is what the CPU backend and the simulated device run, and what the kernel is tested
 * against.
 *
 * <p>The sources lie in {@code src/main/cuda}. They include nothing but {@code common.cuh}, and
 * take data of any size at any alignment of its elements: what is aligned moves 16 bytes at a time,
 * on the wider side where types differ.
 *
 * <table>
 *   <caption>What a kernel cannot avoid to move, and what limits it</caption>
 *   <tr><th>kernel</th><th>compulsory bytes</th><th>limited by</th></tr>
 *   <tr><td>cast</td><td>both types, an element</td><td>memory</td></tr>
 *   <tr><td>quantize, dequantize</td><td>both types, an element</td>
 *       <td>memory; one division or multiplication an element</td></tr>
 *   <tr><td>gather_rows</td><td>2 a byte</td>
 *       <td>memory; rows that are not aligned alike go in narrower words</td></tr>
 *   <tr><td>normalize_image</td><td>1 and the type, an output, without resizing</td>
 *       <td>memory; with resizing, scattered reads of four bytes and some 20 operations an
 *       output</td></tr>
 *   <tr><td>softmax_topk, argmax</td><td>the row, and 8 a result</td>
 *       <td>k passes over the row, two more for softmax, from the L1 or L2 cache</td></tr>
 *   <tr><td>absmax, saturation_count</td><td>the tensor</td><td>memory</td></tr>
 *   <tr><td>histogram</td><td>the tensor</td><td>atomics in shared memory, the more the fewer bins
 *       are hit</td></tr>
 * </table>
 */
package dev.sluice.kernels;
