// All kernels in one library for the host, by their names.
#define SLUICE_HOST 1
#include "convert.cu"
#include "gather.cu"
#include "image.cu"
#include "observe.cu"
#include "select.cu"
#include "launch.h"
#include <type_traits>
#include <utility>

namespace {
struct Entry { const char *name; Body body; };

// Reads the arguments, which are no memory of the kernel's: so it is not watched.
#define UNWATCHED __attribute__((no_sanitize("thread")))
template <class... A, size_t... I>
UNWATCHED void unpack(void (*kernel)(A...), void **p, std::index_sequence<I...>) {
  kernel(*(std::remove_const_t<A> *)p[I]...);
}
template <class... A> UNWATCHED void unpack(void (*kernel)(A...), void **p) {
  unpack(kernel, p, std::index_sequence_for<A...>());
}

#define KERNEL(NAME) {#NAME, [](void **p) UNWATCHED { unpack(NAME, p); }}
const Entry KERNELS[] = {
    KERNEL(cast_f32_f16), KERNEL(cast_f32_bf16), KERNEL(cast_f16_f32), KERNEL(cast_f16_bf16),
    KERNEL(cast_bf16_f32), KERNEL(cast_bf16_f16), KERNEL(quantize_f32_i8), KERNEL(quantize_f32_u8),
    KERNEL(quantize_f16_i8), KERNEL(quantize_f16_u8), KERNEL(dequantize_i8_f32),
    KERNEL(dequantize_u8_f32), KERNEL(dequantize_i8_f16), KERNEL(dequantize_u8_f16),
    KERNEL(gather_rows), KERNEL(normalize_image_f32), KERNEL(normalize_image_f16),
    KERNEL(normalize_image_i8), KERNEL(topk_f32), KERNEL(topk_f16), KERNEL(topk_bf16),
    KERNEL(absmax_f32), KERNEL(absmax_f16), KERNEL(absmax_bf16), KERNEL(histogram_f32),
    KERNEL(histogram_f16), KERNEL(histogram_bf16), KERNEL(saturation_count_f32),
    KERNEL(saturation_count_f16), KERNEL(saturation_count_bf16),
};
}  // namespace

UNWATCHED Body shim_kernel(const char *name) {
  for (const Entry &entry : KERNELS)
    if (!strcmp(entry.name, name)) return entry.body;
  return nullptr;
}
