/**
 * The backend on a GPU: TensorRT plans, run by lanes of streams, execution contexts and captured
 * graphs.
 */
package dev.sluice.engine.cuda;
