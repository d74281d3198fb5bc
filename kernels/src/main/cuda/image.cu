// normalize_image: 8-bit images, rows x height x width x channels, to planes of numbers. A pixel v of
// a channel becomes v * a + b. All arithmetic is in floats in the order written here, and the
// compiler must not contract it (-fmad=false): the Java reference does the same.
#include "common.cuh"

constexpr int MAX_THREADS = 256;  // of a block

// The numbers of each channel of the source.
struct Affine { float a[4], b[4]; };

template <class D> __device__ inline D number(u8 v, float a, float b) {
  D x;
  store_f32(load_f32(v) * a + b, &x);
  return x;
}

// Where a channel goes, or comes from.
__device__ inline int other_channel(int c, int channels, int reverse) {
  return reverse && channels >= 3 && c < 3 ? 2 - c : c;
}

// Elements before a plane's first multiple of 16 bytes.
template <class D> __device__ inline int head_of(const D *plane) {
  return (int)((16 - ((u64)plane & 15)) & 15) / (int)sizeof(D);
}

// Copies bytes to where they lie in words as they do now; whole words at once.
__device__ inline void stage(const u8 *src, i64 bytes, Word *tile) {
  const int skew = (int)((u64)src & 15);
  for (i64 i = threadIdx.x; 16 * i < skew + bytes; i += blockDim.x) {
    const i64 at = 16 * i - skew;
    if (at >= 0 && at + 16 <= bytes) {
      tile[i] = *(const Word *)(src + at);
    } else {
      for (int b = 0; b < 16; b++)
        if (at + b >= 0 && at + b < bytes) ((u8 *)(tile + i))[b] = src[at + b];
    }
  }
}

// No resizing. A block stages the bytes of a tile of pixels; then each thread writes 16 bytes of each
// plane: P pixels. A plane's words begin at its first multiple of 16 bytes, up to P - 1 pixels after
// the tile's first, for which a tile holds P pixels of the next. What is before a plane's first word
// and behind its last goes one by one.
template <class D, int C>
__device__ inline void plain_image(const u8 *src, D *dst, i64 pixels, int reverse, const Affine &k,
                                   Word *tile) {
  constexpr int P = 16 / sizeof(D), N = (P * C + 15) / 16;
  typedef Pack<D, P> Out;
  const i64 together = (i64)blockDim.x * P;
  for (i64 first = blockIdx.x * together; first < pixels; first += gridDim.x * together) {
    const u8 *from = src + first * C;
    const i64 there = pixels - first < together + P ? pixels - first : together + P;
    __syncthreads();
    stage(from, there * C, tile);
    __syncthreads();
    SLUICE_UNROLL for (int c = 0; c < C; c++) {
      D *plane = dst + other_channel(c, C, reverse) * pixels;
      const int head = head_of(plane), at = head + (int)threadIdx.x * P;
      if (at + P > there) continue;
      const int byte = (int)((u64)from & 15) + at * C;
      union { Word word[N]; u8 e[16 * N]; } in;
      shift_words<N>(tile + byte / 16, byte & 15, in.word);
      Out out;
      SLUICE_UNROLL for (int p = 0; p < P; p++)
        out.e[p] = number<D>(in.e[p * C + c], k.a[c], k.b[c]);
      ((Out *)(plane + head))[first / P + threadIdx.x] = out;
    }
  }
  SLUICE_UNROLL for (int c = 0; c < C; c++) {
    D *plane = dst + other_channel(c, C, reverse) * pixels;
    const i64 head = head_of(plane);
    const i64 whole = head < pixels ? (pixels - head) / P * P : 0;
    for (i64 i = thread_index(); i < pixels - whole; i += thread_count()) {
      const i64 at = i < head ? i : i + whole;
      plane[at] = number<D>(src[at * C + c], k.a[c], k.b[c]);
    }
  }
}

// The part of the output that an image of h x w fills, when it keeps its shape.
__device__ inline void letterbox(int h, int w, int out_h, int out_w, int *fit_h, int *fit_w) {
  if ((i64)out_h * w <= (i64)out_w * h) {  // the height is what limits it
    *fit_h = out_h;
    *fit_w = (int)((2LL * w * out_h + h) / (2LL * h));
  } else {
    *fit_w = out_w;
    *fit_h = (int)((2LL * h * out_w + w) / (2LL * w));
  }
  if (*fit_h < 1) *fit_h = 1;
  if (*fit_w < 1) *fit_w = 1;
}

// Where output place i of `to` places lies in `from` places: half-pixel centres, edges repeated.
__device__ inline float source_place(int i, int from, int to) {
  float at = ((float)i + 0.5f) * ((float)from / (float)to) - 0.5f;
  float last = (float)(from - 1);
  return at < 0 ? 0 : at > last ? last : at;
}

template <class D>
__device__ inline void resized_image(const u8 *src, int h, int w, D *dst, int out_h, int out_w,
                                     int channels, int keep_shape, int reverse, float fill,
                                     const Affine &k) {
  int fit_h = out_h, fit_w = out_w;
  const bool there = h > 0 && w > 0;
  if (there && keep_shape) letterbox(h, w, out_h, out_w, &fit_h, &fit_w);
  const int top = (out_h - fit_h) / 2, left = (out_w - fit_w) / 2;
  const i64 pixels = (i64)out_h * out_w;
  for (i64 i = thread_index(); i < pixels; i += thread_count()) {
    const int y = (int)(i / out_w) - top, x = (int)(i % out_w) - left;
    const bool inside = there && y >= 0 && y < fit_h && x >= 0 && x < fit_w;
    float fy = 0, fx = 0;
    i64 p00 = 0, p01 = 0, p10 = 0, p11 = 0;
    if (inside) {
      const float sy = source_place(y, h, fit_h), sx = source_place(x, w, fit_w);
      // A side above 2^24 is no float: its last place may round up.
      const int y0 = (int)sy < h ? (int)sy : h - 1, x0 = (int)sx < w ? (int)sx : w - 1;
      const int y1 = y0 + 1 < h ? y0 + 1 : h - 1, x1 = x0 + 1 < w ? x0 + 1 : w - 1;
      fy = sy - (float)y0;
      fx = sx - (float)x0;
      p00 = ((i64)y0 * w + x0) * channels;
      p01 = ((i64)y0 * w + x1) * channels;
      p10 = ((i64)y1 * w + x0) * channels;
      p11 = ((i64)y1 * w + x1) * channels;
    }
    SLUICE_UNROLL for (int c = 0; c < 4; c++) {
      if (c >= channels) break;
      float v = fill;
      if (inside) {
        const u8 *s = src + c;
        const float v00 = load_f32(s[p00]), v01 = load_f32(s[p01]);
        const float v10 = load_f32(s[p10]), v11 = load_f32(s[p11]);
        const float upper = v00 + fx * (v01 - v00), lower = v10 + fx * (v11 - v10);
        v = upper + fy * (lower - upper);
      }
      store_f32(v * k.a[c] + k.b[c], dst + other_channel(c, channels, reverse) * pixels + i);
    }
  }
}

// src: rows of row_bytes each. sizes: height and width of each row's image, or null where all are
// h x w; an image whose size is not positive or does not fit its row counts as absent: all fill.
// resize: 0 none (h x w is out_h x out_w), 1 stretched, 2 letterboxed.
#define NORMALIZE(NAME, D)                                                                     \
  extern "C" __global__ void NAME(const u8 *src, const int *sizes, D *dst, i64 rows,           \
                                  i64 row_bytes, int h, int w, int out_h, int out_w,           \
                                  int channels, int resize, int reverse, float fill, float a0, \
                                  float a1, float a2, float a3, float b0, float b1, float b2,  \
                                  float b3) {                                                  \
    const bool turned = reverse && channels >= 3;                                              \
    const Affine k = {{turned ? a2 : a0, a1, turned ? a0 : a2, a3},                            \
                      {turned ? b2 : b0, b1, turned ? b0 : b2, b3}};                           \
    __shared__ Word tile[(MAX_THREADS + 1) * 4 / sizeof(D) + 2];                               \
    const i64 pixels = (i64)out_h * out_w;                                                     \
    for (i64 row = blockIdx.y; row < rows; row += gridDim.y) {                                 \
      const u8 *from = src + row * row_bytes;                                                  \
      D *to = dst + row * pixels * channels;                                                   \
      if (!resize && channels == 3) {                                                          \
        plain_image<D, 3>(from, to, pixels, reverse, k, tile);                                 \
      } else if (!resize && channels == 1) {                                                   \
        plain_image<D, 1>(from, to, pixels, reverse, k, tile);                                 \
      } else if (!resize) {                                                                    \
        plain_image<D, 4>(from, to, pixels, reverse, k, tile);                                 \
      } else {                                                                                 \
        int image_h = sizes ? sizes[2 * row] : h, image_w = sizes ? sizes[2 * row + 1] : w;    \
        if (image_h <= 0 || image_w <= 0 ||                                                    \
            image_h > row_bytes / ((i64)image_w * channels))                                   \
          image_h = image_w = 0;                                                               \
        resized_image(from, image_h, image_w, to, out_h, out_w, channels, resize == 2,         \
                      reverse, fill, k);                                                       \
      }                                                                                        \
    }                                                                                          \
  }

NORMALIZE(normalize_image_f32, float)
NORMALIZE(normalize_image_f16, f16)
NORMALIZE(normalize_image_i8, i8)
