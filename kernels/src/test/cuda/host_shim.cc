// All kernels in one library for the host, and the function that launches one by its name.
#define SLUICE_HOST 1
#include "convert.cu"
#include "gather.cu"
#include "image.cu"
#include "observe.cu"
#include "select.cu"
#include <type_traits>
#include <utility>

Dim3 gridDim, blockDim, blockIdx, threadIdx;
alignas(16) unsigned char shim_dynamic_shared[1 << 16];
uint64_t shim_lane[1024];

namespace {
constexpr int MAX_THREADS = 1024;
constexpr size_t STACK_BYTES = 64 << 10;

typedef void (*Body)(void **);
struct Entry { const char *name; Body body; };

ucontext_t scheduler, fibers[MAX_THREADS];
char *stacks[MAX_THREADS];
bool finished[MAX_THREADS], waits[MAX_THREADS], waits_for_warp[MAX_THREADS];
Body current_body;
void **current_arguments;

void fiber() {
  int self = threadIdx.x;
  current_body(current_arguments);
  finished[self] = true;
  swapcontext(&fibers[self], &scheduler);
}

// Lets those go on that wait for a group of which nobody is left to come.
void open_barriers(int threads) {
  bool all = true;
  for (int t = 0; t < threads; t++) all &= finished[t] || (waits[t] && !waits_for_warp[t]);
  for (int first = 0; first < threads; first += 32) {
    int end = first + 32 < threads ? first + 32 : threads;
    bool warp = true;
    for (int t = first; t < end; t++) warp &= finished[t] || (waits[t] && waits_for_warp[t]);
    for (int t = first; t < end; t++)
      if (waits[t] && (waits_for_warp[t] ? warp : all)) waits[t] = false;
  }
}

bool run_block() {
  int threads = blockDim.x, left = threads;
  for (int t = 0; t < threads; t++) {
    if (!stacks[t]) stacks[t] = (char *)malloc(STACK_BYTES);
    getcontext(&fibers[t]);
    fibers[t].uc_stack.ss_sp = stacks[t];
    fibers[t].uc_stack.ss_size = STACK_BYTES;
    fibers[t].uc_link = nullptr;
    makecontext(&fibers[t], fiber, 0);
    finished[t] = waits[t] = false;
  }
  while (left > 0) {
    bool moved = false;
    for (int t = 0; t < threads; t++) {
      if (finished[t] || waits[t]) continue;
      threadIdx.x = t;
      swapcontext(&scheduler, &fibers[t]);
      left -= finished[t];
      moved = true;
    }
    open_barriers(threads);
    if (!moved) {
      bool any = false;
      for (int t = 0; t < threads; t++) any |= !finished[t] && !waits[t];
      if (!any && left > 0) return false;
    }
  }
  return true;
}

template <class... A, size_t... I>
void unpack(void (*kernel)(A...), void **p, std::index_sequence<I...>) {
  kernel(*(std::remove_const_t<A> *)p[I]...);
}
template <class... A> void unpack(void (*kernel)(A...), void **p) {
  unpack(kernel, p, std::index_sequence_for<A...>());
}

#define KERNEL(NAME) {#NAME, [](void **p) { unpack(NAME, p); }}
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

void shim_meet(bool warp) {
  int self = threadIdx.x;
  waits[self] = true;
  waits_for_warp[self] = warp;
  swapcontext(&fibers[self], &scheduler);
  threadIdx.x = self;
}

// 0; 1 where there is no such kernel; 2 where threads wait for others that never come.
extern "C" int shim_launch(const char *name, unsigned grid_x, unsigned grid_y, unsigned block,
                           void **arguments) {
  for (const Entry &entry : KERNELS) {
    if (strcmp(entry.name, name)) continue;
    current_body = entry.body;
    current_arguments = arguments;
    gridDim = {grid_x, grid_y, 1};
    blockDim = {block, 1, 1};
    for (unsigned y = 0; y < grid_y; y++)
      for (unsigned x = 0; x < grid_x; x++) {
        blockIdx = {x, y, 0};
        if (!run_block()) return 2;
      }
    return 0;
  }
  return 1;
}
