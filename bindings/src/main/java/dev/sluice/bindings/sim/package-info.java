/**
 * A CUDA driver in memory, for tests of what runs on a GPU, yours and ours: {@link
 * dev.sluice.bindings.sim.SimulatedCuda} is a {@link dev.sluice.bindings.cuda.CudaApi} without a
 * GPU, with faults on demand and a log of calls. {@link dev.sluice.bindings.sim.SimulatedTensorRt}
 * runs plans on it.
 *
 * <p>Simulated are: the address space, with bounds and lifetimes checked at every access; contexts,
 * and which is current on a thread; streams with their order, the legacy stream's included; events;
 * host functions; capture into graphs with its prohibitions, and launches of them; stream-ordered
 * pools and what they reserve; pinned memory; modules, whose kernels are Java ({@link
 * dev.sluice.bindings.sim.SimulatedKernel}). Accesses to the same memory that nothing puts in order
 * are reported as races. A failure on the device comes late and stays, as on a device.
 *
 * <p>Not simulated are: how long anything takes (events tell the time of the host); memory nodes of
 * graphs, copies of pageable memory in graphs, managed memory, peer access, textures, the stream of
 * {@code CU_STREAM_PER_THREAD}; PTX and cubins. A graph's nodes run one after the other, and count
 * as ordered: two branches that write the same memory are not reported. A virtual thread counts as
 * a thread of its own, where to a driver it is the thread that carries it. What one thread of the
 * host has waited for counts as seen by all of them. A module's image is text: the line {@code
 * sluice-sim-module}, then the name of a function on each line, then a 0.
 *
 * <p>A device whose kernel {@code add_one} is Java, and whose third allocation fails:
 *
 * {@snippet :
 * SimulatedKernel addOne =
 *     new SimulatedKernel() {
 *       @Override
 *       public int[] parameterBytes() {
 *         return new int[] {Long.BYTES, Integer.BYTES};
 *       }
 *
 *       @Override
 *       public void run(KernelLaunch launch) {
 *         int count = launch.intArgument(1);
 *         MemorySegment values = launch.device(launch.longArgument(0), 4L * count);
 *         for (int i = 0; i < count; i++) {
 *           values.setAtIndex(JAVA_INT, i, values.getAtIndex(JAVA_INT, i) + 1);
 *         }
 *       }
 *     };
 * try (SimulatedCuda cuda =
 *         SimulatedCuda.builder()
 *             .memoryBytes(1 << 30)
 *             .kernels(Map.of("add_one", addOne))
 *             .faults(FaultPlan.none().failAllocation(3))
 *             .build();
 *     Arena arena = Arena.ofConfined()) {
 *   MemorySegment out = arena.allocate(8, 8);
 *   CudaStatus.check(cuda, cuda.cuInit(0), "cuInit", "0");
 *   try (PrimaryContext context = PrimaryContext.enter(cuda, 0);
 *       CudaStream stream = CudaStream.create(cuda, "example", 0);
 *       DeviceMemory memory = DeviceMemory.allocate(cuda, "values", 64)) {
 *     MemorySegment image = arena.allocateFrom("sluice-sim-module\nadd_one\n");
 *     cuda.cuModuleLoadDataEx(out, image, 0, MemorySegment.NULL, MemorySegment.NULL);
 *     long module = out.get(JAVA_LONG, 0);
 *     cuda.cuModuleGetFunction(out, module, arena.allocateFrom("add_one"));
 *     long function = out.get(JAVA_LONG, 0);
 *     cuda.cuMemsetD32Async(memory.raw(), 41, 16, stream.raw());
 *     MemorySegment address = arena.allocateFrom(JAVA_LONG, memory.raw());
 *     MemorySegment count = arena.allocateFrom(JAVA_INT, 16);
 *     MemorySegment parameters =
 *         arena.allocateFrom(JAVA_LONG, address.address(), count.address());
 *     cuda.cuLaunchKernel(
 *         function, 1, 1, 1, 16, 1, 1, 0, stream.raw(), parameters, MemorySegment.NULL);
 *     stream.await(CudaStream.Wait.BLOCK);
 *     MemorySegment host = arena.allocate(64, 4);
 *     cuda.cuMemcpyDtoH_v2(host, memory.raw(), 64);
 *     check(host.getAtIndex(JAVA_INT, 15) == 42);
 *     check(cuda.cuMemAlloc_v2(out, 64) == CudaApi.CUDA_SUCCESS);
 *     check(cuda.cuMemAlloc_v2(out, 64) == CudaStatus.OUT_OF_MEMORY.code());
 *     cuda.cuModuleUnload(module);
 *   }
 *   check(cuda.races().isEmpty());
 * }
 * }
 *
 * <p>The driver is called by its own functions, or through {@link
 * dev.sluice.bindings.cuda.CudaStream} and the other owners of its objects.
 */
package dev.sluice.bindings.sim;
