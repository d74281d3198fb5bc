// What host_shim.h says: the fibers, the barriers, and the watch over every access to memory.
#include "host_shim.h"
#include "launch.h"
#include <array>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>
#include <unordered_map>
#include <vector>

ShimGrid shim_grid;
extern unsigned char __start_shim_shared[], __stop_shim_shared[];

namespace {
constexpr int MAX_THREADS = 1024;
constexpr size_t STACK_BYTES = 64 << 10;
enum Kind { READ, WRITE, ATOMIC };

ucontext_t scheduler, fibers[MAX_THREADS];
char *stacks[MAX_THREADS];
bool finished[MAX_THREADS], waits[MAX_THREADS], waits_for_warp[MAX_THREADS];
int phase[MAX_THREADS];  // barriers of the block that a thread has passed
uint64_t lanes[2][MAX_THREADS];
bool odd[MAX_THREADS];  // which of the two a thread's next shuffle uses
Body current_body;
void **current_arguments;
char failure[400];

struct Range { uintptr_t first, end; };
std::vector<Range> buffers;
std::vector<unsigned char> dynamic_shared;

bool within(Range range, uintptr_t at, size_t bytes) {
  return at >= range.first && at + bytes <= range.end;
}

// An access of one thread, or of several that no barrier orders.
struct Touch {
  static constexpr int NONE = -1, SEVERAL = -2;
  int thread = NONE, block = NONE, phase = 0;
  bool atomic = false;

  bool before(const Touch &other) const {
    return thread == NONE || (block == other.block &&
                              (thread == other.thread || phase < other.phase));
  }

  void add(const Touch &other) {
    if (before(other)) {
      *this = other;
      return;
    }
    thread = SEVERAL;
    if (block != other.block) block = SEVERAL;
    phase = other.phase;
  }
};

// The last accesses to each byte.
class Watch {
 public:
  void clear() {
    pages.clear();
    last = nullptr;
  }

  // Whether an access is in order with all that came before it.
  bool touch(uintptr_t at, size_t bytes, Kind kind, Touch now) {
    for (uintptr_t a = at; a < at + bytes; a++) {
      Byte &byte = page(a / PAGE)[a % PAGE];
      if (!byte.write.before(now) && !(byte.write.atomic && now.atomic)) return false;
      if (kind != READ && !byte.read.before(now)) return false;
      (kind == READ ? byte.read : byte.write).add(now);
    }
    return true;
  }

 private:
  static constexpr uintptr_t PAGE = 256;
  struct Byte { Touch read, write; };
  typedef std::array<Byte, PAGE> Page;
  std::unordered_map<uintptr_t, Page> pages;
  uintptr_t last_number = 0;
  Page *last = nullptr;

  Page &page(uintptr_t number) {
    if (!last || last_number != number) {
      last = &pages[number];
      last_number = number;
    }
    return *last;
  }
};

Watch global_watch, shared_watch;

// Never returns: the launch is over.
void fail(const char *what, uintptr_t at, size_t bytes) {
  snprintf(failure, sizeof failure, "%s: %zu bytes at 0x%zx, thread %u of block %u,%u", what, bytes,
           (size_t)at, threadIdx.x, blockIdx.x, blockIdx.y);
  swapcontext(&fibers[threadIdx.x], &scheduler);
}

void access(void *address, size_t bytes, Kind kind, size_t alignment) {
  const uintptr_t at = (uintptr_t)address;
  const int self = threadIdx.x;
  const Range stack = {(uintptr_t)stacks[self], (uintptr_t)stacks[self] + STACK_BYTES};
  const Range grid = {(uintptr_t)&shim_grid, (uintptr_t)(&shim_grid + 1)};
  if (within(stack, at, bytes) || within(grid, at, bytes)) return;
  if (at % alignment) fail("a misaligned access", at, bytes);
  const Range fixed = {(uintptr_t)__start_shim_shared, (uintptr_t)__stop_shim_shared};
  const uintptr_t start = (uintptr_t)dynamic_shared.data();
  const bool shared =
      within(fixed, at, bytes) || within({start, start + dynamic_shared.size()}, at, bytes);
  bool inside = shared;
  for (const Range &buffer : buffers) inside |= within(buffer, at, bytes);
  if (!inside) fail("out of bounds", at, bytes);
  Touch now;
  now.thread = self;
  now.block = (int)(blockIdx.y * gridDim.x + blockIdx.x);
  now.phase = phase[self];
  now.atomic = kind == ATOMIC;
  if (!(shared ? shared_watch : global_watch).touch(at, bytes, kind, now))
    fail(shared ? "a race in shared memory" : "a race in global memory", at, bytes);
}

void fiber() {
  int self = threadIdx.x;
  current_body(current_arguments);
  finished[self] = true;
  swapcontext(&fibers[self], &scheduler);
}

void meet(bool warp) {
  int self = threadIdx.x;
  waits[self] = true;
  waits_for_warp[self] = warp;
  swapcontext(&fibers[self], &scheduler);
  threadIdx.x = self;
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

void start_block(int threads) {
  shared_watch.clear();
  for (int t = 0; t < threads; t++) {
    if (!stacks[t]) stacks[t] = (char *)malloc(STACK_BYTES);
    getcontext(&fibers[t]);
    fibers[t].uc_stack.ss_sp = stacks[t];
    fibers[t].uc_stack.ss_size = STACK_BYTES;
    fibers[t].uc_link = nullptr;
    makecontext(&fibers[t], fiber, 0);
    finished[t] = waits[t] = odd[t] = false;
    phase[t] = 0;
  }
}

void run_block() {
  int threads = blockDim.x, left = threads;
  start_block(threads);
  while (left > 0) {
    bool moved = false;
    for (int t = 0; t < threads; t++) {
      if (finished[t] || waits[t]) continue;
      threadIdx.x = t;
      swapcontext(&scheduler, &fibers[t]);
      if (failure[0]) return;
      left -= finished[t];
      moved = true;
    }
    if (!moved) {
      snprintf(failure, sizeof failure, "threads wait for others that never come");
      return;
    }
    open_barriers(threads);
  }
}

template <class T> uint64_t exchange(void *at, uint64_t value, bool add) {
  T before = *(T *)at, other = (T)value;
  *(T *)at = add ? (T)(before + other) : before > other ? before : other;
  return before;
}
}  // namespace

void __syncthreads() {
  meet(false);
  phase[threadIdx.x]++;
}

// The next shuffle of a warp writes to the other array: by the one after it all have read this one.
uint64_t shim_shuffle_xor(uint64_t mine, int mask) {
  unsigned self = threadIdx.x, peer = self ^ mask;
  uint64_t *lane = lanes[odd[self]];
  odd[self] = !odd[self];
  lane[self] = mine;
  meet(true);
  return lane[peer < blockDim.x ? peer : self];
}

uint64_t shim_atomic_add(void *at, uint64_t value, int bytes) {
  access(at, bytes, ATOMIC, bytes);
  return bytes == 4 ? exchange<uint32_t>(at, value, true) : exchange<uint64_t>(at, value, true);
}

uint64_t shim_atomic_max(void *at, uint64_t value, int bytes) {
  access(at, bytes, ATOMIC, bytes);
  return bytes == 4 ? exchange<uint32_t>(at, value, false) : exchange<uint64_t>(at, value, false);
}

extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void *) {}
void __tsan_func_exit() {}
void __tsan_read_range(void *at, unsigned long bytes) { access(at, bytes, READ, 1); }
void __tsan_write_range(void *at, unsigned long bytes) { access(at, bytes, WRITE, 1); }
#define WATCHED(BYTES)                                                                       \
  void __tsan_read##BYTES(void *at) { access(at, BYTES, READ, BYTES); }                      \
  void __tsan_write##BYTES(void *at) { access(at, BYTES, WRITE, BYTES); }                    \
  void __tsan_unaligned_read##BYTES(void *at) { access(at, BYTES, READ, 1); }                \
  void __tsan_unaligned_write##BYTES(void *at) { access(at, BYTES, WRITE, 1); }
WATCHED(1)
WATCHED(2)
WATCHED(4)
WATCHED(8)
WATCHED(16)

// Lets the kernels use a buffer.
void shim_add_buffer(uintptr_t first, size_t bytes) { buffers.push_back({first, first + bytes}); }

void shim_forget_buffers() { buffers.clear(); }

// Null, or what went wrong.
const char *shim_launch(const char *name, unsigned grid_x, unsigned grid_y, unsigned block,
                        unsigned shared_bytes, void **arguments) {
  failure[0] = 0;
  current_body = shim_kernel(name);
  if (!current_body) return "there is no such kernel";
  current_arguments = arguments;
  dynamic_shared.assign(shared_bytes, 0xa5);
  global_watch.clear();
  shim_grid = {{grid_x, grid_y, 1}, {block, 1, 1}, {0, 0, 0}, {0, 0, 0}, dynamic_shared.data()};
  for (unsigned y = 0; y < grid_y; y++)
    for (unsigned x = 0; x < grid_x; x++) {
      blockIdx = {x, y, 0};
      run_block();
      if (failure[0]) return failure;
    }
  return nullptr;
}
}
