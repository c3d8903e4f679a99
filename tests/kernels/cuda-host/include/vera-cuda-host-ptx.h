#pragma once

#include "tests/kernels/cuda-host/vera-cuda-host.h"

/* Host versions of what kernels/cuda/ptx.cuh declares and documents; the rest is in vera-cuda-host-ptx.cc. */

inline int
vera_k_thread(void)
{
    return (int)threadIdx.x;
}

inline int
vera_k_block_y(void)
{
    return (int)blockIdx.y;
}

/** VeraCudaHostLdmatrix: a lane's part of ldmatrix. */
struct VeraCudaHostLdmatrix {
    uint32_t row;
    int n;
    bool is_transposed;
    uint32_t *r;
};
void vera_cuda_host_ldmatrix(void **arguments);

/** vera_cuda_host_copy_wait: lands this thread's groups but the last @n. */
void vera_cuda_host_copy_wait(int n);

template <int N, bool kIsTransposed>
inline void
vera_k_ldmatrix(uint32_t (&r)[N], uint32_t row)
{
    VeraCudaHostLdmatrix part = {row, N, kIsTransposed, r};

    static_assert(N == 1 || N == 2 || N == 4, "ldmatrix loads 1, 2 or 4 matrices");
    vera_cuda_host_collective(32, 0xffffffffu, vera_cuda_host_ldmatrix, &part);
}

template <int N>
inline void
vera_k_copy_wait(void)
{
    vera_cuda_host_copy_wait(N);
}
