#pragma once

#include <cuda.h>

#include "kernels/cuda/ptx.cuh"

/*
 * What compute capability 9.0a adds, as functions: barriers in shared memory, copies of boxes of a tensor by its map (TMA), products by
 * warpgroups (wgmma), registers that go from one warpgroup to another. PTX ISA 9.0, chapters "Asynchronous Warpgroup Level Matrix
 * Multiply-Accumulate", "Parallel Synchronization" and "Data Movement". Host versions as in ptx.cuh; for other chips nothing here compiles.
 *
 * A tile in shared memory has rows of 128 bytes and begins at a multiple of 1024. Copies and products both exchange its chunks of 16 bytes:
 * bits 4..6 of an address are exclusive-ored with bits 7..9.
 */

/** vera_k_mbarrier_init: @barrier (8 bytes of shared memory) opens after @n arrivals and the bytes it has been told to expect; one thread. */
__device__ void vera_k_mbarrier_init(uint32_t barrier, int n);

/** vera_k_mbarrier_publish: makes what this thread has initialised known to copies; a barrier of the block must follow. */
__device__ void vera_k_mbarrier_publish(void);

/** vera_k_mbarrier_arrive: one arrival */
__device__ void vera_k_mbarrier_arrive(uint32_t barrier);

/** vera_k_mbarrier_expect: one arrival, and @n_bytes more to come in this phase */
__device__ void vera_k_mbarrier_expect(uint32_t barrier, uint32_t n_bytes);

/** vera_k_mbarrier_wait: waits until the phase with this @parity has ended: 0 for the first, 1 for the second, ... A new barrier passes 1. */
__device__ void vera_k_mbarrier_wait(uint32_t barrier, uint32_t parity);

/** vera_k_copy_box: begins to copy the box at (@x, @y, @z) of a tensor to shared memory, zeros outside of the tensor; counted in @barrier; one thread. */
__device__ void vera_k_copy_box(uint32_t shared, const CUtensorMap *map, int x, int y, int z, uint32_t barrier);

/** vera_k_barrier_wait, vera_k_barrier_arrive: barrier @id (1..15) of @n_threads threads, which opens when all have done either */
__device__ void vera_k_barrier_wait(int id, int n_threads);
__device__ void vera_k_barrier_arrive(int id, int n_threads);

/** vera_k_set_registers: the warpgroup's threads have N registers each from here on: kIsMore as many as others have given up, or waits */
template <int N, bool kIsMore> __device__ __forceinline__ void vera_k_set_registers(void);

/**
 * vera_k_tile_descriptor: a matrix of bf16 in a tile, for products, from @address on.
 * @leading: bytes from 64 columns to the next 64, where products run along columns; otherwise anything
 * @stride: bytes from 8 rows to the next 8
 */
__device__ uint64_t vera_k_tile_descriptor(uint32_t address, uint32_t leading, uint32_t stride);

/** vera_k_products_begin: registers of sums and operands are as the products that follow shall find them. */
__device__ void vera_k_products_begin(void);

/** vera_k_products_commit: what this warpgroup has begun since the last commit is one group. */
__device__ void vera_k_products_commit(void);

/** vera_k_products_wait: waits until at most N of this warpgroup's last groups are under way; sums and operands of the rest may be touched. */
template <int N> __device__ __forceinline__ void vera_k_products_wait(void);

/** vera_k_products_keep: the compiler moves no use of @d across this. */
template <int N> __device__ __forceinline__ void vera_k_products_keep(float (&d)[N]);

/**
 * vera_k_product_rows: begins d[64, 2 N] = (is_sum ? d : 0) + a[64, 16] b[2 N, 16]^T, both in tiles whose rows lie along the sum.
 * Thread t has of row t / 32 * 16 + t % 32 / 4 the columns 8 j + t % 4 * 2 and the next in d[4 j], d[4 j + 1], of the row 8 below in d[4 j + 2], d[4 j + 3].
 */
template <int N> __device__ __forceinline__ void vera_k_product_rows(float (&d)[N], uint64_t a, uint64_t b, bool is_sum);

/** vera_k_product_columns: begins d[64, 2 N] += a[64, 16] b[16, 2 N]; a in registers as for vera_k_mma_bf16() in each warp, b in a tile whose rows lie across the sum */
template <int N> __device__ __forceinline__ void vera_k_product_columns(float (&d)[N], const uint32_t (&a)[4], uint64_t b);

#ifdef VERA_CUDA_HOST
#include <vera-cuda-host-ptx-sm90.h>
#else

__device__ __forceinline__ void
vera_k_mbarrier_init(uint32_t barrier, int n)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" : : "r"(barrier), "r"(n) : "memory");
}

__device__ __forceinline__ void
vera_k_mbarrier_publish(void)
{
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ __forceinline__ void
vera_k_mbarrier_arrive(uint32_t barrier)
{
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" : : "r"(barrier) : "memory");
}

__device__ __forceinline__ void
vera_k_mbarrier_expect(uint32_t barrier, uint32_t n_bytes)
{
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" : : "r"(barrier), "r"(n_bytes) : "memory");
}

__device__ __forceinline__ void
vera_k_mbarrier_wait(uint32_t barrier, uint32_t parity)
{
    uint32_t is_open;

    do {
        asm volatile("{\n"
                     ".reg .pred open;\n"
                     "mbarrier.try_wait.parity.shared::cta.b64 open, [%1], %2;\n"
                     "selp.u32 %0, 1, 0, open;\n"
                     "}"
                     : "=r"(is_open)
                     : "r"(barrier), "r"(parity)
                     : "memory");
    } while (!is_open);
}

__device__ __forceinline__ void
vera_k_copy_box(uint32_t shared, const CUtensorMap *map, int x, int y, int z, uint32_t barrier)
{
    asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4}], [%5];"
                 :
                 : "r"(shared), "l"(map), "r"(x), "r"(y), "r"(z), "r"(barrier)
                 : "memory");
}

__device__ __forceinline__ void
vera_k_barrier_wait(int id, int n_threads)
{
    asm volatile("bar.sync %0, %1;" : : "r"(id), "r"(n_threads) : "memory");
}

__device__ __forceinline__ void
vera_k_barrier_arrive(int id, int n_threads)
{
    asm volatile("bar.arrive %0, %1;" : : "r"(id), "r"(n_threads) : "memory");
}

template <int N, bool kIsMore>
__device__ __forceinline__ void
vera_k_set_registers(void)
{
    if constexpr (kIsMore)
        asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" : : "n"(N));
    else
        asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" : : "n"(N));
}

__device__ __forceinline__ uint64_t
vera_k_tile_descriptor(uint32_t address, uint32_t leading, uint32_t stride)
{
    return (uint64_t)1 << 62 | (uint64_t)(stride >> 4) << 32 | (uint64_t)(leading >> 4) << 16 | (address & 0x3ffff) >> 4;
}

__device__ __forceinline__ void
vera_k_products_begin(void)
{
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

__device__ __forceinline__ void
vera_k_products_commit(void)
{
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

template <int N>
__device__ __forceinline__ void
vera_k_products_wait(void)
{
    asm volatile("wgmma.wait_group.sync.aligned %0;" : : "n"(N) : "memory");
}

template <int N>
__device__ __forceinline__ void
vera_k_products_keep(float (&d)[N])
{
#pragma unroll
    for (int i = 0; i < N; i++)
        asm volatile("" : "+f"(d[i])::"memory");
}

#define VERA_K_SUM_NAMES_32 \
    "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
    "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define VERA_K_SUM_NAMES_64 \
    "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
    "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
    "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
    "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define VERA_K_SUM_NAMES_88 \
    "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
    "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
    "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
    "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, " \
    "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, " \
    "%80, %81, %82, %83, %84, %85, %86, %87"

#define VERA_K_SUMS_8(d, i) \
    "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]), "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define VERA_K_SUMS_32(d, i) VERA_K_SUMS_8(d, i), VERA_K_SUMS_8(d, i + 8), VERA_K_SUMS_8(d, i + 16), VERA_K_SUMS_8(d, i + 24)
#define VERA_K_SUM_LIST_32(d) VERA_K_SUMS_32(d, 0)
#define VERA_K_SUM_LIST_64(d) VERA_K_SUMS_32(d, 0), VERA_K_SUMS_32(d, 32)
#define VERA_K_SUM_LIST_88(d) VERA_K_SUM_LIST_64(d), VERA_K_SUMS_8(d, 64), VERA_K_SUMS_8(d, 72), VERA_K_SUMS_8(d, 80)

/* The operands after the sums: a, b and is_sum, or the four registers of a and b. */
#define VERA_K_PRODUCT_ROWS(N, WIDTH, A, B, SUM)                                                                                    \
    asm volatile("{\n"                                                                                                              \
                 ".reg .pred sum;\n"                                                                                                \
                 "setp.ne.b32 sum, %" #SUM ", 0;\n"                                                                                 \
                 "wgmma.mma_async.sync.aligned.m64n" #WIDTH "k16.f32.bf16.bf16 {" VERA_K_SUM_NAMES_##N "}, %" #A ", %" #B ", sum, 1, 1, 0, 0;\n" \
                 "}"                                                                                                                \
                 : VERA_K_SUM_LIST_##N(d)                                                                                           \
                 : "l"(a), "l"(b), "r"((int)is_sum)                                                                                 \
                 : "memory")
#define VERA_K_PRODUCT_COLUMNS(N, WIDTH, A0, A1, A2, A3, B)                                                                         \
    asm volatile("wgmma.mma_async.sync.aligned.m64n" #WIDTH "k16.f32.bf16.bf16 {" VERA_K_SUM_NAMES_##N "}, {%" #A0 ", %" #A1 ", %" #A2 ", %" #A3 \
                 "}, %" #B ", 1, 1, 1, 1;"                                                                                           \
                 : VERA_K_SUM_LIST_##N(d)                                                                                           \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b)                                                               \
                 : "memory")

template <int N>
__device__ __forceinline__ void
vera_k_product_rows(float (&d)[N], uint64_t a, uint64_t b, bool is_sum)
{
    static_assert(N == 64 || N == 88, "sums of 128 or 176 columns");
    if constexpr (N == 64)
        VERA_K_PRODUCT_ROWS(64, 128, 64, 65, 66);
    else
        VERA_K_PRODUCT_ROWS(88, 176, 88, 89, 90);
}

template <int N>
__device__ __forceinline__ void
vera_k_product_columns(float (&d)[N], const uint32_t (&a)[4], uint64_t b)
{
    static_assert(N == 32 || N == 64, "sums of 64 or 128 columns");
    if constexpr (N == 32)
        VERA_K_PRODUCT_COLUMNS(32, 64, 32, 33, 34, 35, 36);
    else
        VERA_K_PRODUCT_COLUMNS(64, 128, 64, 65, 66, 67, 68);
}

#endif
