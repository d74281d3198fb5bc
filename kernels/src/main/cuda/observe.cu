// absmax, histogram, saturation_count: what calibration and monitoring ask of a tensor. Each adds to
// what its output holds, so that several tensors may follow one another; integers only, so that the
// result does not depend on the order.
#include "common.cuh"

__device__ inline u32 warp_max(u32 mine) {
  for (int offset = 16; offset > 0; offset /= 2) {
    u32 other = __shfl_xor_sync(0xffffffffu, mine, offset);
    mine = other > mine ? other : mine;
  }
  return mine;
}

__device__ inline u32 warp_sum(u32 mine) {
  for (int offset = 16; offset > 0; offset /= 2)
    mine += __shfl_xor_sync(0xffffffffu, mine, offset);
  return mine;
}

// out: the bits of the largest magnitude, which order as the numbers do. A NaN does not count.
#define ABSMAX(NAME, S)                                                    \
  extern "C" __global__ void NAME(const S *src, u32 *out, i64 n) {         \
    u32 most = 0;                                                          \
    each_element(src, n, [&](S x) {                                        \
      u32 bits = float_bits(load_f32(x)) & 0x7fffffffu;                    \
      if (bits <= 0x7f800000u && bits > most) most = bits;                 \
    });                                                                    \
    most = warp_max(most);                                                 \
    if (threadIdx.x % 32 == 0 && most != 0) atomicMax(out, most);          \
  }

ABSMAX(absmax_f32, float)
ABSMAX(absmax_f16, f16)
ABSMAX(absmax_bf16, bf16)

// counts[b]: how many magnitudes m have floor(m * bins_per_unit) == b; larger ones are counted in
// the last bin, a NaN nowhere. Dynamic shared memory: bins * 4 bytes.
#define HISTOGRAM(NAME, S)                                                                   \
  extern "C" __global__ void NAME(const S *src, u64 *counts, i64 n, float bins_per_unit,     \
                                  int bins) {                                                \
    SLUICE_DYNAMIC_SHARED(u32, local);                                                       \
    for (int b = threadIdx.x; b < bins; b += blockDim.x) local[b] = 0;                       \
    __syncthreads();                                                                         \
    const float last = (float)(bins - 1);                                                    \
    each_element(src, n, [&](S x) {                                                          \
      float m = load_f32(x);                                                                 \
      if (m != m) return;                                                                    \
      float at = (m < 0 ? -m : m) * bins_per_unit;                                           \
      atomicAdd(&local[at >= last ? bins - 1 : (int)at], 1u);                                \
    });                                                                                      \
    __syncthreads();                                                                         \
    for (int b = threadIdx.x; b < bins; b += blockDim.x)                                     \
      if (local[b] != 0) atomicAdd(&counts[b], (u64)local[b]);                               \
  }

#ifndef SLUICE_HOST
#define SLUICE_DYNAMIC_SHARED(T, NAME) extern __shared__ T NAME[]
#endif

HISTOGRAM(histogram_f32, float)
HISTOGRAM(histogram_f16, f16)
HISTOGRAM(histogram_bf16, bf16)

// Adds how many lie outside of [-threshold, threshold]; a NaN does.
#define SATURATION(NAME, S)                                                            \
  extern "C" __global__ void NAME(const S *src, u64 *count, i64 n, float threshold) {  \
    u32 mine = 0;                                                                      \
    each_element(src, n, [&](S x) {                                                    \
      float m = load_f32(x);                                                           \
      mine += !((m < 0 ? -m : m) <= threshold);                                        \
    });                                                                                \
    mine = warp_sum(mine);                                                             \
    if (threadIdx.x % 32 == 0 && mine != 0) atomicAdd(count, (u64)mine);               \
  }

SATURATION(saturation_count_f32, float)
SATURATION(saturation_count_f16, f16)
SATURATION(saturation_count_bf16, bf16)
