// softmax_topk, argmax: one block a row. Larger values come first, among equal ones the lower index;
// a NaN comes after every number.
#include "common.cuh"

struct Best { float value; int index; };

// Whether a comes before b. An index of -1 is nothing at all.
__device__ inline bool before(Best a, Best b) {
  if (a.index < 0 || b.index < 0) return a.index >= 0;
  const bool nan_a = a.value != a.value, nan_b = b.value != b.value;
  if (nan_a || nan_b) return nan_a == nan_b ? a.index < b.index : nan_b;
  return a.value > b.value || (a.value == b.value && a.index < b.index);
}

__device__ inline Best warp_best(Best mine) {
  for (int offset = 16; offset > 0; offset /= 2) {
    Best other;
    other.value = __shfl_xor_sync(0xffffffffu, mine.value, offset);
    other.index = __shfl_xor_sync(0xffffffffu, mine.index, offset);
    if (before(other, mine)) mine = other;
  }
  return mine;
}

// The best of a block of up to 1024 threads, for every thread.
__device__ inline Best block_best(Best mine, Best *shared) {
  mine = warp_best(mine);
  __syncthreads();
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = mine;
  __syncthreads();
  Best all = {0, -1};
  if (threadIdx.x % 32 < blockDim.x / 32) all = shared[threadIdx.x % 32];
  return warp_best(all);
}

__device__ inline float block_sum(float mine, float *shared) {
  for (int offset = 16; offset > 0; offset /= 2)
    mine += __shfl_xor_sync(0xffffffffu, mine, offset);
  __syncthreads();
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = mine;
  __syncthreads();
  float all = threadIdx.x % 32 < blockDim.x / 32 ? shared[threadIdx.x % 32] : 0;
  for (int offset = 16; offset > 0; offset /= 2)
    all += __shfl_xor_sync(0xffffffffu, all, offset);
  return all;
}

// The first of a row that comes after `last`; after nothing at all, where that is.
template <class S>
__device__ inline Best next_best(const S *row, int columns, Best last, Best *shared) {
  Best mine = {0, -1};
  for (int c = threadIdx.x; c < columns; c += blockDim.x) {
    Best candidate = {load_f32(row[c]), c};
    if ((last.index < 0 || before(last, candidate)) && before(candidate, mine)) mine = candidate;
  }
  return block_best(mine, shared);
}

// values and indices: k a row. softmax 0: the scores themselves, a NaN as the canonical one.
#define TOPK(NAME, S)                                                                        \
  extern "C" __global__ void NAME(const S *scores, float *values, int *indices, i64 rows,    \
                                  int columns, int k, int softmax) {                         \
    __shared__ Best best[32];                                                                \
    __shared__ float sums[32];                                                               \
    for (i64 r = blockIdx.x; r < rows; r += gridDim.x) {                                     \
      const S *row = scores + r * columns;                                                   \
      Best found = next_best(row, columns, Best{0, -1}, best);                               \
      const float most = found.value;                                                        \
      float sum = 1;                                                                         \
      if (softmax) {                                                                         \
        float mine = 0;                                                                      \
        for (int c = threadIdx.x; c < columns; c += blockDim.x)                              \
          mine += expf(load_f32(row[c]) - most);                                             \
        sum = block_sum(mine, sums);                                                         \
      }                                                                                      \
      for (int i = 0; i < k; i++) {                                                          \
        if (i > 0) found = next_best(row, columns, found, best);                             \
        if (threadIdx.x == 0) {                                                              \
          store_f32(softmax ? expf(found.value - most) / sum : found.value,                  \
                    &values[r * k + i]);                                                     \
          indices[r * k + i] = found.index;                                                  \
        }                                                                                    \
      }                                                                                      \
    }                                                                                        \
  }

TOPK(topk_f32, float)
TOPK(topk_f16, f16)
TOPK(topk_bf16, bf16)
