/**
 * The CUDA driver API through FFM, and the search for what a GPU needs: driver, CUDA, cuDNN and
 * TensorRT libraries.
 *
 * <p>{@link dev.sluice.bindings.cuda.CudaApi} has the driver's own names and raw statuses; {@link
 * dev.sluice.bindings.cuda.CudaDriverLoader} finds the driver without ever throwing; {@link
 * dev.sluice.bindings.cuda.DriverProbe} says what it answers, as data. {@link
 * dev.sluice.bindings.cuda.PrimaryContext}, {@link dev.sluice.bindings.cuda.CudaStream}, {@link
 * dev.sluice.bindings.cuda.CudaEvent}, {@link dev.sluice.bindings.cuda.CudaGraph} and {@link
 * dev.sluice.bindings.cuda.DeviceMemory} own what the driver makes.
 */
package dev.sluice.bindings.cuda;
