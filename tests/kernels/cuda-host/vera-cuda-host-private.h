#pragma once

#include <setjmp.h>
#include <ucontext.h>
#include <vector>

#include "tests/kernels/cuda-host/vera-cuda-host.h"

/* What the two halves of the emulator share: threads and shared memory here, instructions in vera-cuda-host-ptx.cc and -sm90.cc. */

/** VeraCudaHostCopy: cp.async that has been issued and has not landed. */
struct VeraCudaHostCopy {
    uint32_t to;
    const void *from;
    uint32_t size;
    int group;
};

struct VeraCudaHostFiber {
    ucontext_t start;
    jmp_buf at;
    unsigned char *stack;
    uint3 thread_idx;
    unsigned index; /* of the thread in its block */
    bool is_started, is_done;
    /* What it waits for: one of these. */
    VeraCudaHostCollect collect;
    unsigned collect_width, collect_mask;
    void *collect_argument;
    bool (*is_ready)(const void *state);
    const void *ready_state;
    std::vector<VeraCudaHostCopy> copies;
    int n_groups; /* committed so far */
    void *sanitizer;
};

/** vera_cuda_host_fiber: Returns: the fiber that runs now */
VeraCudaHostFiber *vera_cuda_host_fiber(void);

/** vera_cuda_host_shared: Returns: the place of @size bytes at a shared address; fails the launch if they are outside or misaligned */
unsigned char *vera_cuda_host_shared(uint32_t address, uint32_t size, uint32_t alignment, const char *what);

/** vera_cuda_host_choose: Returns: which of @n things that may happen next does: the first, the last or any, by vera_cuda_host_set_order() */
unsigned vera_cuda_host_choose(unsigned n);

/** vera_cuda_host_begin_block, _land, _end_block: the asynchronous engines of vera-cuda-host-sm90.cc; _land: Returns: whether it did anything */
void vera_cuda_host_begin_block(void);
bool vera_cuda_host_land(void);
const char *vera_cuda_host_end_block(void);
