#pragma once

#include "tests/kernels/cuda-host/vera-cuda-host.h"

/* Host versions of what kernels/cuda/ptx-sm90.cuh declares and documents; the rest is in vera-cuda-host-sm90.cc. */

/** VeraCudaHostProduct: a thread's part of a product by a warpgroup; a NULL: the left operand is in shared memory. */
struct VeraCudaHostProduct {
    float *d;
    int n;
    const uint32_t *a;
    uint64_t a_tile, b_tile;
    bool is_sum;
};

/** vera_cuda_host_begin_product: the product is done when somebody waits for it; until then its sums are NaN. */
void vera_cuda_host_begin_product(VeraCudaHostProduct *product);

/** vera_cuda_host_products_wait: does this warpgroup's groups but the last @n. */
void vera_cuda_host_products_wait(int n);

/** vera_cuda_host_set_registers: the whole warpgroup comes here */
void vera_cuda_host_set_registers(int n, bool is_more);

template <int N, bool kIsMore>
inline void
vera_k_set_registers(void)
{
    static_assert(N % 8 == 0 && N >= 24 && N <= 256, "registers come in eights");
    vera_cuda_host_set_registers(N, kIsMore);
}

template <int N>
inline void
vera_k_products_wait(void)
{
    vera_cuda_host_products_wait(N);
}

template <int N>
inline void
vera_k_products_keep(float (&)[N])
{
}

template <int N>
inline void
vera_k_product_rows(float (&d)[N], uint64_t a, uint64_t b, bool is_sum)
{
    VeraCudaHostProduct product = {d, N * 2, nullptr, a, b, is_sum};
    vera_cuda_host_begin_product(&product);
}

template <int N>
inline void
vera_k_product_columns(float (&d)[N], const uint32_t (&a)[4], uint64_t b)
{
    VeraCudaHostProduct product = {d, N * 2, a, 0, b, true};
    vera_cuda_host_begin_product(&product);
}
