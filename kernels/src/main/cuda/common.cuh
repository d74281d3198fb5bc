// What the kernels share. Compiles under NVRTC and nvcc without any header, and as C++17 on the host
// through host_shim.h, which emulates grids, blocks, warps and shared memory.
#pragma once

#ifdef SLUICE_HOST
#include "host_shim.h"
#else
#define SLUICE_UNROLL _Pragma("unroll")
#endif

typedef unsigned char u8;
typedef signed char i8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

// A half and a bfloat16 as their bits: NVRTC finds no cuda_fp16.h on a machine without a toolkit.
struct f16 { u16 bits; };
struct bf16 { u16 bits; };

template <class T, int N> struct alignas(sizeof(T) * N) Pack { T e[N]; };

__device__ inline u32 float_bits(float x) {
#ifdef SLUICE_HOST
  u32 bits;
  memcpy(&bits, &x, 4);
  return bits;
#else
  return __float_as_uint(x);
#endif
}

__device__ inline float bits_float(u32 bits) {
#ifdef SLUICE_HOST
  float x;
  memcpy(&x, &bits, 4);
  return x;
#else
  return __uint_as_float(bits);
#endif
}

__device__ inline float load_f32(float x) { return x; }

__device__ inline float load_f32(f16 x) {
#ifdef __CUDA_ARCH__
  float y;
  asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
  return y;
#else
  u32 sign = (u32)(x.bits & 0x8000u) << 16;
  u32 exponent = (x.bits >> 10) & 31, fraction = x.bits & 0x3ffu;
  // A device's conversion gives the same for every NaN.
  if (exponent == 31) return bits_float(fraction ? 0x7fffffffu : sign | 0x7f800000u);
  if (exponent == 0) {
    // A subnormal is its fraction times 2^-24, which a float holds exactly.
    float value = (float)fraction * 5.9604644775390625e-8f;
    return bits_float(sign | float_bits(value));
  }
  return bits_float(sign | ((exponent + 112) << 23) | (fraction << 13));
#endif
}

// Exact, by an addition: the unit that converts has a quarter of the adders' rate.
__device__ inline float load_f32(u8 x) { return bits_float(0x4b000000u | x) - 8388608.0f; }

__device__ inline float load_f32(bf16 x) { return bits_float((u32)x.bits << 16); }

// Round to nearest, ties to even; a NaN becomes the canonical one, so that all machines agree.
__device__ inline void store_f32(float x, float *out) {
  *out = x != x ? bits_float(0x7fc00000u) : x;
}

__device__ inline void store_f32(float x, f16 *out) {
  if (x != x) {
    out->bits = 0x7e00;
    return;
  }
#ifdef __CUDA_ARCH__
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(out->bits) : "f"(x));
#else
  u32 bits = float_bits(x), sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  if (magnitude >= 0x477ff000u) {  // 65520 and above
    out->bits = (u16)(sign | 0x7c00u);
  } else if (magnitude < 0x33000001u) {  // 2^-25 and below
    out->bits = (u16)sign;
  } else if (magnitude < 0x38800000u) {  // below 2^-14: a subnormal half
    u32 shift = 126 - (magnitude >> 23), fraction = (magnitude & 0x7fffffu) | 0x800000u;
    u32 kept = fraction >> shift, rest = fraction & ((1u << shift) - 1), half = 1u << (shift - 1);
    out->bits = (u16)(sign | (kept + (rest > half || (rest == half && (kept & 1)))));
  } else {
    u32 rounded = magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1);
    out->bits = (u16)(sign | (rounded >> 13));
  }
#endif
}

__device__ inline void store_f32(float x, bf16 *out) {
  u32 bits = float_bits(x);
  out->bits = x != x ? (u16)0x7fc0 : (u16)((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

// The whole number nearest to x, ties to even, kept within [low, high], which lie within +-2^21; a
// NaN becomes 0. The low 16 bits alone are right. In the sum the unit of the last place is 1, so that
// the addition rounds: the unit that rounds and converts has a quarter of the adders' rate.
__device__ inline u32 nearest(float x, float low, float high) {
  x = x != x ? 0.0f : x;
  x = x < low ? low : x;
  x = x > high ? high : x;
  return float_bits(x + 12582912.0f);
}

__device__ inline void store_f32(float x, i8 *out) { *out = (i8)nearest(x, -128.0f, 127.0f); }

__device__ inline i64 thread_index() { return (i64)blockIdx.x * blockDim.x + threadIdx.x; }

__device__ inline i64 thread_count() { return (i64)gridDim.x * blockDim.x; }

__device__ inline bool aligned(const void *p, int bytes) { return ((u64)p & (bytes - 1)) == 0; }

typedef Pack<u32, 4> Word;  // what a thread moves at a time

// Word i of the bytes that begin `shift` (0 to 15) bytes after the first of N + 1 aligned words, for
// all i < N. Every subscript is a constant, so that all of it stays in registers.
template <int N> __device__ inline void shift_words(const Word *in, int shift, Word *out) {
  u32 v[4 * N + 4];
  SLUICE_UNROLL for (int i = 0; i < 4 * N + 4; i++) v[i] = in[i / 4].e[i % 4];
  SLUICE_UNROLL for (int i = 0; i < 4 * N + 2; i++) v[i] = shift & 8 ? v[i + 2] : v[i];
  SLUICE_UNROLL for (int i = 0; i < 4 * N + 1; i++) v[i] = shift & 4 ? v[i + 1] : v[i];
  SLUICE_UNROLL for (int i = 0; i < 4 * N; i++)
    out[i / 4].e[i % 4] = __funnelshift_r(v[i], v[i + 1], 8 * (shift & 3));
}

// dst[i] = f(src[i]) for i < n, for any alignment of elements: the wider side moves 16 bytes at a
// time, the other as many elements, so that a warp touches whole lines on both; four of these are in
// flight a thread. The elements before the first and after the last whole group go one by one.
template <class S, class D, class F>
__device__ inline void map_elements(const S *src, D *dst, i64 n, F f) {
  constexpr int wide = sizeof(S) > sizeof(D) ? sizeof(S) : sizeof(D);
  constexpr int V = 16 / wide, U = 4;
  typedef Pack<S, V> From;
  typedef Pack<D, V> To;
  const bool source_is_wide = sizeof(S) >= sizeof(D);
  u64 lead = source_is_wide ? (u64)src : (u64)dst;
  i64 head = (i64)((16 - (lead & 15)) & 15) / wide;
  if (head > n) head = n;
  const bool from = aligned(src + head, sizeof(From)), to = aligned(dst + head, sizeof(To));
  const i64 groups = (n - head) / V, step = thread_count();
  for (i64 g = thread_index(); g < groups; g += step * U) {
    From in[U];
    SLUICE_UNROLL for (int u = 0; u < U; u++) {
      i64 at = g + u * step;
      if (at >= groups) break;
      const S *p = src + head + at * V;
      if (from) {
        in[u] = *(const From *)p;
      } else {
        SLUICE_UNROLL for (int i = 0; i < V; i++) in[u].e[i] = p[i];
      }
    }
    SLUICE_UNROLL for (int u = 0; u < U; u++) {
      i64 at = g + u * step;
      if (at >= groups) break;
      D *p = dst + head + at * V;
      To out;
      SLUICE_UNROLL for (int i = 0; i < V; i++) out.e[i] = f(in[u].e[i]);
      if (to) {
        *(To *)p = out;
      } else {
        SLUICE_UNROLL for (int i = 0; i < V; i++) p[i] = out.e[i];
      }
    }
  }
  for (i64 i = thread_index(); i < head; i += step) dst[i] = f(src[i]);
  for (i64 i = head + groups * V + thread_index(); i < n; i += step) dst[i] = f(src[i]);
}

// f(src[i]) for i < n, in no particular order, 16 bytes at a time.
template <class S, class F> __device__ inline void each_element(const S *src, i64 n, F f) {
  constexpr int V = 16 / sizeof(S);
  typedef Pack<S, V> From;
  i64 head = (i64)((16 - ((u64)src & 15)) & 15) / (i64)sizeof(S);
  if (head > n) head = n;
  const i64 groups = (n - head) / V, step = thread_count();
  for (i64 g = thread_index(); g < groups; g += step) {
    From in = *(const From *)(src + head + g * V);
    SLUICE_UNROLL for (int i = 0; i < V; i++) f(in.e[i]);
  }
  for (i64 i = thread_index(); i < head; i += step) f(src[i]);
  for (i64 i = head + groups * V + thread_index(); i < n; i += step) f(src[i]);
}
