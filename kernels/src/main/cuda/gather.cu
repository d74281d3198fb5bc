// gather_rows: rows that lie anywhere, one after the other into one buffer.
#include "common.cuh"

// Copies with `step` threads, of which this is number `first`. Whole words of 16 bytes go to the
// target, each put together of the two aligned words of the source that hold its bytes: only such as
// lie within the row. What is left at both ends goes byte by byte.
__device__ inline void copy_row(const u8 *src, u8 *dst, i64 bytes, i64 first, i64 step) {
  constexpr int U = 4;  // words in flight
  i64 head = (i64)((16 - ((u64)dst & 15)) & 15);
  const int shift = (int)(((u64)src + head) & 15);
  if (head < shift) head += 16;  // the first word of the source would begin before the row
  i64 words = (bytes - head - ((16 - shift) & 15)) / 16;
  if (words <= 0) words = head = 0;
  const Word *from = (const Word *)(src + head - shift);
  Word *to = (Word *)(dst + head);
  for (i64 w = first; w < words; w += step * U) {
    Word in[U][2];
    SLUICE_UNROLL for (int u = 0; u < U; u++) {
      const i64 at = w + u * step;
      if (at >= words) break;
      in[u][0] = from[at];
      if (shift) in[u][1] = from[at + 1];
    }
    SLUICE_UNROLL for (int u = 0; u < U; u++) {
      const i64 at = w + u * step;
      if (at >= words) break;
      if (shift) shift_words<1>(in[u], shift, in[u]);
      to[at] = in[u][0];
    }
  }
  for (i64 i = first; i < bytes - 16 * words; i += step) {
    const i64 at = i < head ? i : i + 16 * words;
    dst[at] = src[at];
  }
}

// rows[r] is the address of row r. A block's threads stand in groups of `group`, each at a row of its
// own; the blocks of one y share their rows.
extern "C" __global__ void gather_rows(const u64 *rows, u8 *dst, i64 count, i64 row_bytes,
                                       int group) {
  const int together = blockDim.x / group;
  const i64 first = (i64)blockIdx.x * group + threadIdx.x % group, step = (i64)gridDim.x * group;
  for (i64 row = (i64)blockIdx.y * together + threadIdx.x / group; row < count;
       row += (i64)gridDim.y * together)
    copy_row((const u8 *)rows[row], dst + row * row_bytes, row_bytes, first, step);
}
