// normalize_image: 8-bit images, rows x height x width x channels, to planes of numbers. A pixel v of
// a channel becomes v * a + b. All arithmetic is in floats in the order written here, and the
// compiler must not contract it (-fmad=false): the Java reference does the same.
#include "common.cuh"

struct Affine { float a[4], b[4]; };

__device__ inline void put(float x, float *out) { store_f32(x, out); }
__device__ inline void put(float x, f16 *out) { store_f32(x, out); }
__device__ inline void put(float x, i8 *out) {
  float r = rintf(x);
  if (r != r) r = 0;
  *out = (i8)(int)(r < -128.0f ? -128.0f : r > 127.0f ? 127.0f : r);
}

__device__ inline int source_channel(int c, int channels, int reverse) {
  return reverse && channels >= 3 && c < 3 ? 2 - c : c;
}

// No resizing: P pixels a thread, 16 bytes a plane, where everything is aligned for that.
template <class D, int C>
__device__ inline void plain_image(const u8 *src, D *dst, i64 pixels, int reverse, Affine k) {
  constexpr int P = 16 / sizeof(D);
  typedef Pack<u8, P> Bytes;  // C of these hold P pixels
  typedef Pack<D, P> Out;
  const bool vector = aligned(src, P) && aligned(dst, 16) && pixels * sizeof(D) % 16 == 0;
  const i64 groups = vector ? pixels / P : 0, step = thread_count();
  for (i64 g = thread_index(); g < groups; g += step) {
    union { Bytes part[C]; u8 e[C * P]; } in;
    const Bytes *from = (const Bytes *)(src + g * P * C);
    SLUICE_UNROLL for (int i = 0; i < C; i++) in.part[i] = from[i];
    SLUICE_UNROLL for (int c = 0; c < C; c++) {
      Out out;
      SLUICE_UNROLL for (int p = 0; p < P; p++) {
        // Both subscripts are constants once the loops are unrolled.
        float v = (float)(reverse && C >= 3 && c < 3 ? in.e[p * C + (c < 3 ? 2 - c : c)]
                                                     : in.e[p * C + c]);
        put(v * k.a[c] + k.b[c], &out.e[p]);
      }
      *(Out *)(dst + c * pixels + g * P) = out;
    }
  }
  for (i64 i = groups * P + thread_index(); i < pixels; i += step)
    for (int c = 0; c < C; c++) {
      float v = (float)src[i * C + source_channel(c, C, reverse)];
      put(v * k.a[c] + k.b[c], dst + c * pixels + i);
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
                                     Affine k) {
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
    for (int c = 0; c < channels; c++) {
      float v = fill;
      if (inside) {
        const u8 *s = src + source_channel(c, channels, reverse);
        const float v00 = (float)s[p00], v01 = (float)s[p01];
        const float v10 = (float)s[p10], v11 = (float)s[p11];
        const float upper = v00 + fx * (v01 - v00), lower = v10 + fx * (v11 - v10);
        v = upper + fy * (lower - upper);
      }
      put(v * k.a[c] + k.b[c], dst + c * pixels + i);
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
    const Affine k = {{a0, a1, a2, a3}, {b0, b1, b2, b3}};                                     \
    const i64 pixels = (i64)out_h * out_w;                                                     \
    for (i64 row = blockIdx.y; row < rows; row += gridDim.y) {                                 \
      const u8 *from = src + row * row_bytes;                                                  \
      D *to = dst + row * pixels * channels;                                                   \
      if (!resize && channels == 3) {                                                          \
        plain_image<D, 3>(from, to, pixels, reverse, k);                                       \
      } else if (!resize && channels == 1) {                                                   \
        plain_image<D, 1>(from, to, pixels, reverse, k);                                       \
      } else if (!resize) {                                                                    \
        plain_image<D, 4>(from, to, pixels, reverse, k);                                       \
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
