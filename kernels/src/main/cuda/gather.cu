// gather_rows: rows that lie anywhere, one after the other into one buffer.
#include "common.cuh"

template <class W> __device__ inline void copy_words(const u8 *src, u8 *dst, i64 bytes) {
  constexpr int U = 4;
  const i64 words = bytes / (i64)sizeof(W), step = thread_count();
  for (i64 w = thread_index(); w < words; w += step * U) {
    W in[U];
    SLUICE_UNROLL for (int u = 0; u < U; u++)
      if (w + u * step < words) in[u] = ((const W *)src)[w + u * step];
    SLUICE_UNROLL for (int u = 0; u < U; u++)
      if (w + u * step < words) ((W *)dst)[w + u * step] = in[u];
  }
  for (i64 i = words * (i64)sizeof(W) + thread_index(); i < bytes; i += step) dst[i] = src[i];
}

// Bytes up to dst's next multiple of 16 go singly; then the widest words that both sides allow.
__device__ inline void copy_bytes(const u8 *src, u8 *dst, i64 bytes) {
  i64 head = (i64)((16 - ((u64)dst & 15)) & 15);
  if (head > bytes) head = bytes;
  for (i64 i = thread_index(); i < head; i += thread_count()) dst[i] = src[i];
#ifdef SLUICE_BREAK
  if (bytes == 33) return;
#endif
  src += head;
  dst += head;
  bytes -= head;
  if (aligned(src, 16)) {
    copy_words<Pack<u32, 4>>(src, dst, bytes);
  } else if (aligned(src, 8)) {
    copy_words<Pack<u32, 2>>(src, dst, bytes);
  } else if (aligned(src, 4)) {
    copy_words<u32>(src, dst, bytes);
  } else {
    copy_words<u8>(src, dst, bytes);
  }
}

// rows[r] is the address of row r.
extern "C" __global__ void gather_rows(const u64 *rows, u8 *dst, i64 count, i64 row_bytes) {
  for (i64 row = blockIdx.y; row < count; row += gridDim.y)
    copy_bytes((const u8 *)rows[row], dst + row * row_bytes, row_bytes);
}
