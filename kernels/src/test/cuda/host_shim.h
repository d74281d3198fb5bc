// Lets g++ compile the kernels as C++17 and run them on the host: a grid's blocks one after the
// other, a block's threads as fibers that take turns wherever they meet (barriers, warp operations).
// Every thread of a block, or of a warp, has to reach each such place, as the kernels' own rules say.
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define __global__
#define __device__
#define __shared__ static
#define SLUICE_UNROLL

struct Dim3 { unsigned x, y, z; };
extern Dim3 gridDim, blockDim, blockIdx, threadIdx;
alignas(16) extern unsigned char shim_dynamic_shared[1 << 16];
#define SLUICE_DYNAMIC_SHARED(T, NAME) T *NAME = (T *)shim_dynamic_shared

void shim_meet(bool warp);
extern uint64_t shim_lane[1024];

inline void __syncthreads() { shim_meet(false); }

template <class T> inline T __shfl_xor_sync(unsigned, T mine, int mask) {
  static_assert(sizeof(T) <= 8, "a shuffle moves up to 8 bytes");
  unsigned self = threadIdx.x;
  memcpy(&shim_lane[self], &mine, sizeof(T));
  shim_meet(true);
  T other;
  unsigned peer = self ^ mask;
  memcpy(&other, &shim_lane[peer < blockDim.x ? peer : self], sizeof(T));
  shim_meet(true);
  return other;
}

template <class T> inline T atomicAdd(T *at, T value) {
  T before = *at;
  *at += value;
  return before;
}

template <class T> inline T atomicMax(T *at, T value) {
  T before = *at;
  if (value > before) *at = value;
  return before;
}
