/*
 * A lone caller of ONNX Runtime in C: copies its row in, runs it by RunWithBinding over a prepared
 * binding, reads the answer. What the engine's claim to close is held against.
 *
 *   peer LIBRARY MODEL THREADS OUTPUT RANK DIMENSION... [INPUT TYPE FILE RANK DIMENSION...]...
 *
 * TYPE is a number of ONNXTensorElementDataType. Says "ready ANSWER"; then each line of the input,
 * "one MILLIS ...", is answered with the median microseconds of a request, as LoneCaller takes it;
 * "warm ..." has nothing to do here.
 * The places of the functions in the table OrtApi come with -DAPI_Name=INDEX from the binding.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WARNING = 2, ARENA_ALLOCATOR = 1, DEFAULT_MEMORY = 0, FLOAT = 1, MOST_INPUTS = 8, MOST_RANK = 8 };

static const int64_t BLOCK_NS = 20000;
static const int64_t WARM_UP_NS = 5000000;

static void **api;

/* Calls a function of the table, which gives a status, and ends where that is an error. */
#define CALL(name, types, ...) check(((void *(*) types)api[API_##name])(__VA_ARGS__), #name)

static void fail(const char *what, const char *why) {
  fprintf(stderr, "peer: %s: %s\n", what, why);
  exit(1);
}

static void check(void *status, const char *what) {
  if (status != NULL) {
    fail(what, ((const char *(*)(const void *))api[API_GetErrorMessage])(status));
  }
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void *read_file(const char *name, size_t *bytes) {
  FILE *file = fopen(name, "rb");
  if (file == NULL) {
    fail(name, "can't be read");
  }
  fseek(file, 0, SEEK_END);
  *bytes = ftell(file);
  rewind(file);
  void *content = aligned_alloc(64, (*bytes + 63) / 64 * 64);
  if (fread(content, 1, *bytes, file) != *bytes) {
    fail(name, "can't be read");
  }
  fclose(file);
  return content;
}

static void *session, *binding, *run_options;
static int inputs;
static struct {
  void *from;
  void *to;
  size_t bytes;
} rows[MOST_INPUTS];
static float *answer;

static float ask(void) {
  for (int i = 0; i < inputs; i++) {
    memcpy(rows[i].to, rows[i].from, rows[i].bytes);
  }
  CALL(RunWithBinding, (void *, const void *, const void *), session, run_options, binding);
  return answer[0];
}

static void *tensor(void *memory, void *data, size_t bytes, const int64_t *shape, size_t rank, int type) {
  void *value;
  CALL(CreateTensorWithDataAsOrtValue,
       (const void *, void *, size_t, const int64_t *, size_t, int, void **),
       memory, data, bytes, shape, rank, type, &value);
  return value;
}

static void open_model(char **argv, int argc) {
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    fail(argv[1], dlerror());
  }
  struct base {
    void **(*get_api)(uint32_t);
  } *(*get_base)(void) = (struct base * (*)(void)) dlsym(library, "OrtGetApiBase");
  api = get_base()->get_api(API_VERSION);
  void *environment, *options, *memory;
  CALL(CreateEnv, (int, const char *, void **), WARNING, "peer", &environment);
  CALL(CreateSessionOptions, (void **), &options);
  CALL(SetIntraOpNumThreads, (void *, int), options, atoi(argv[3]));
  CALL(CreateSession, (const void *, const char *, const void *, void **), environment, argv[2], options, &session);
  CALL(CreateRunOptions, (void **), &run_options);
  CALL(CreateCpuMemoryInfo, (int, int, void **), ARENA_ALLOCATOR, DEFAULT_MEMORY, &memory);
  CALL(CreateIoBinding, (void *, void **), session, &binding);
  int64_t shape[MOST_RANK];
  int rank = atoi(argv[5]);
  size_t bytes = sizeof(float);
  for (int d = 0; d < rank; d++) {
    shape[d] = atoll(argv[6 + d]);
    bytes *= shape[d];
  }
  answer = aligned_alloc(64, (bytes + 63) / 64 * 64);
  CALL(BindOutput, (void *, const char *, const void *), binding, argv[4],
       tensor(memory, answer, bytes, shape, rank, FLOAT));
  for (int i = 6 + rank; i < argc; inputs++) {
    rank = atoi(argv[i + 3]);
    for (int d = 0; d < rank; d++) {
      shape[d] = atoll(argv[i + 4 + d]);
    }
    rows[inputs].from = read_file(argv[i + 2], &bytes);
    rows[inputs].to = aligned_alloc(64, (bytes + 63) / 64 * 64);
    memcpy(rows[inputs].to, rows[inputs].from, bytes);
    rows[inputs].bytes = bytes;
    CALL(BindInput, (void *, const char *, const void *), binding, argv[i],
         tensor(memory, rows[inputs].to, bytes, shape, rank, atoi(argv[i + 1])));
    i += 4 + rank;
  }
}

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Median microseconds of a request, of blocks between two looks at the clock. */
static double one(int64_t duration_ns, float expected) {
  int64_t fastest_ns = INT64_MAX;
  for (int64_t start = now_ns(), now = start; now - start < WARM_UP_NS;) {
    int64_t before = now;
    ask();
    now = now_ns();
    fastest_ns = now - before < fastest_ns ? now - before : fastest_ns;
  }
  fastest_ns = fastest_ns < 1 ? 1 : fastest_ns;
  int64_t block = BLOCK_NS / fastest_ns < 1 ? 1 : BLOCK_NS / fastest_ns;
  int64_t most = 4 * duration_ns / (block * fastest_ns) + 1;
  double *blocks = malloc(most * sizeof(double));
  int64_t count = 0;
  for (int64_t from = now_ns(), now = from; now - from < duration_ns && count < most; count++) {
    for (int64_t i = 0; i < block; i++) {
      if (ask() != expected) {
        fail("answer", "it changed");
      }
    }
    int64_t done = now_ns();
    blocks[count] = (double)(done - now) / block;
    now = done;
  }
  qsort(blocks, count, sizeof(double), ascending);
  double median = blocks[count / 2] / 1e3;
  free(blocks);
  return median;
}

int main(int argc, char **argv) {
  if (argc < 10) {
    fail("usage", "the head of the source says how");
  }
  open_model(argv, argc);
  float expected = ask();
  printf("ready %.9g\n", expected);
  fflush(stdout);
  char line[256];
  long millis;
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "one %ld", &millis) == 1) {
      printf("%.4f 0\n", one(millis * 1000000, expected));
    } else if (strncmp(line, "warm ", 5) == 0) {
      printf("0\n");
    } else {
      fail("there is no turn", line);
    }
    fflush(stdout);
  }
  return 0;
}
