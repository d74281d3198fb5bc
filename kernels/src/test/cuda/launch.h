// A kernel of kernels.cc, called with the addresses of its arguments.
#pragma once
typedef void (*Body)(void **);

// Null where there is none of that name.
Body shim_kernel(const char *name);
