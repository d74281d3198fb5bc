// cast, quantize, dequantize. Element i of the output depends on element i of the input alone.
#include "common.cuh"

#define CAST(NAME, S, D)                                                                   \
  extern "C" __global__ void NAME(const S *src, D *dst, i64 n) {                           \
    map_elements(src, dst, n, [](S x) {                                                    \
      D y;                                                                                 \
      store_f32(load_f32(x), &y);                                                          \
      return y;                                                                            \
    });                                                                                    \
  }

CAST(cast_f32_f16, float, f16)
CAST(cast_f32_bf16, float, bf16)
CAST(cast_f16_f32, f16, float)
CAST(cast_f16_bf16, f16, bf16)
CAST(cast_bf16_f32, bf16, float)
CAST(cast_bf16_f16, bf16, f16)

// clamp(round(x / scale) + zero), ties to even; a NaN becomes the zero point. The bounds are whole
// numbers, so that it is the same whether the quotient is rounded before or after it is clamped.
template <class Q> __device__ inline Q quantized(float x, float scale, int zero, int low, int high) {
  return (Q)(nearest(x / scale, (float)(low - zero), (float)(high - zero)) + (u32)zero);
}

// rows x inner elements; row r has scale and zero point number r % channels.
#define QUANTIZE(NAME, S, Q, LOW, HIGH)                                                    \
  extern "C" __global__ void NAME(const S *src, Q *dst, const float *scales,               \
                                  const int *zeros, i64 rows, i64 inner, int channels) {   \
    for (i64 row = blockIdx.y; row < rows; row += gridDim.y) {                             \
      const float scale = scales[row % channels];                                          \
      const int zero = zeros ? zeros[row % channels] : 0;                                  \
      map_elements(src + row * inner, dst + row * inner, inner, [=](S x) {                 \
        return quantized<Q>(load_f32(x), scale, zero, LOW, HIGH);                          \
      });                                                                                  \
    }                                                                                      \
  }

QUANTIZE(quantize_f32_i8, float, i8, -128, 127)
QUANTIZE(quantize_f32_u8, float, u8, 0, 255)
QUANTIZE(quantize_f16_i8, f16, i8, -128, 127)
QUANTIZE(quantize_f16_u8, f16, u8, 0, 255)

// (q - zero) * scale
#define DEQUANTIZE(NAME, Q, D)                                                             \
  extern "C" __global__ void NAME(const Q *src, D *dst, const float *scales,               \
                                  const int *zeros, i64 rows, i64 inner, int channels) {   \
    for (i64 row = blockIdx.y; row < rows; row += gridDim.y) {                             \
      const float scale = scales[row % channels];                                          \
      const int zero = zeros ? zeros[row % channels] : 0;                                  \
      map_elements(src + row * inner, dst + row * inner, inner, [=](Q q) {                 \
        D y;                                                                               \
        store_f32((float)((int)q - zero) * scale, &y);                                     \
        return y;                                                                          \
      });                                                                                  \
    }                                                                                      \
  }

DEQUANTIZE(dequantize_i8_f32, i8, float)
DEQUANTIZE(dequantize_u8_f32, u8, float)
DEQUANTIZE(dequantize_i8_f16, i8, f16)
DEQUANTIZE(dequantize_u8_f16, u8, f16)
