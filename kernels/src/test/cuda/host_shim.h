// Lets g++ compile the kernels as C++17 and run them on the host: a grid's blocks one after the
// other, a block's threads as fibers that take turns wherever they meet (barriers, warp operations).
// Every thread of a block, or of a warp, has to reach each such place, as the kernels' own rules say.
//
// kernels.cc is compiled with -fsanitize=thread, but not linked with its library: host_shim.cc has
// the functions that the compiler calls before every access to memory. They stop a kernel that leaves
// its buffers or its shared memory, that reads or writes at an address which is no multiple of the
// access's size, or two of whose threads touch a byte, one writing, with neither a barrier between
// them nor both by atomics. So what goes wrong on a device only now and then goes wrong here always.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

#define __global__ __attribute__((noinline))
#define __device__
#define __shared__ static __attribute__((section("shim_shared")))
#define SLUICE_UNROLL
#define SLUICE_DYNAMIC_SHARED(T, NAME) T *NAME = (T *)shim_grid.dynamic_shared

struct Dim3 { unsigned x, y, z; };
struct ShimGrid {
  Dim3 grid, block, at, thread;
  unsigned char *dynamic_shared;
};
extern ShimGrid shim_grid;
#define gridDim shim_grid.grid
#define blockDim shim_grid.block
#define blockIdx shim_grid.at
#define threadIdx shim_grid.thread

void __syncthreads();
uint64_t shim_shuffle_xor(uint64_t mine, int mask);
uint64_t shim_atomic_add(void *at, uint64_t value, int bytes);
uint64_t shim_atomic_max(void *at, uint64_t value, int bytes);

template <class T> inline T __shfl_xor_sync(unsigned, T mine, int mask) {
  static_assert(sizeof(T) <= 8, "a shuffle moves up to 8 bytes");
  uint64_t bits = 0;
  memcpy(&bits, &mine, sizeof(T));
  bits = shim_shuffle_xor(bits, mask);
  memcpy(&mine, &bits, sizeof(T));
  return mine;
}

template <class T> inline T atomicAdd(T *at, T value) {
  return (T)shim_atomic_add(at, value, sizeof(T));
}

template <class T> inline T atomicMax(T *at, T value) {
  return (T)shim_atomic_max(at, value, sizeof(T));
}

inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return (unsigned)(((uint64_t)high << 32 | low) >> (shift & 31));
}
