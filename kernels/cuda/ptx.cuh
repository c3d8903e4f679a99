#pragma once

#include <cstdint>
#include <cuda_runtime.h>

/*
 * PTX instructions as functions, one instruction each. Layouts are those of the PTX ISA 9.0, chapter "Warp-level matrix instructions".
 * Where VERA_CUDA_HOST is defined their host versions, in tests/kernels/cuda-host, take the place of the assembler below.
 *
 * A shared address is a 32-bit address in the window of shared memory, as the instructions want it.
 */

/** vera_k_dynamic_shared: Returns: the block's dynamic shared memory, 1024-byte aligned if no static shared memory is in use */
__device__ unsigned char *vera_k_dynamic_shared(void);

/** vera_k_shared_address: Returns: the shared address of a pointer into dynamic shared memory */
__device__ uint32_t vera_k_shared_address(const void *shared);

/** vera_k_thread: Returns: threadIdx.x, read anew: what is made of it does not live in registers for a whole loop */
__device__ int vera_k_thread(void);

/** vera_k_block_y: Returns: blockIdx.y, read anew likewise */
__device__ int vera_k_block_y(void);

/**
 * vera_k_ldmatrix: N (1, 2 or 4) 8x8 matrices of 16-bit elements from shared memory; the whole warp takes part.
 * @row: lane l gives the 16-byte aligned shared address of row l % 8 of matrix l / 8; lanes from 8 N on give any valid one
 *
 * Lane l gets of matrix i elements (l / 4, 2 (l % 4)) and the next one in r[i], low half first; transposed, elements
 * (2 (l % 4), l / 4) and the one below it.
 */
template <int N, bool kIsTransposed> __device__ __forceinline__ void vera_k_ldmatrix(uint32_t (&r)[N], uint32_t row);

/**
 * vera_k_mma_bf16: d[16, 8] += a[16, 16] b[16, 8] with bf16 operands and F32 sums (mma.sync.m16n8k16); the whole warp takes part.
 * With g = lane / 4 and t = lane % 4, low half first:
 *   a[0]: (g, 2t) (g, 2t+1); a[1]: rows g + 8; a[2]: columns + 8; a[3]: both
 *   b0: (2t, g) (2t+1, g); b1: rows + 8
 *   d[0], d[1]: (g, 2t) (g, 2t+1); d[2], d[3]: rows g + 8
 */
__device__ void vera_k_mma_bf16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1);

/** vera_k_copy_16: begins to copy 16 bytes (both aligned) from global to shared memory, or, with @is_zero, to write zeros without reading */
__device__ void vera_k_copy_16(uint32_t shared, const void *global, bool is_zero);

/** vera_k_copy_commit: what this thread has begun since the last commit is one group, perhaps an empty one. */
__device__ void vera_k_copy_commit(void);

/** vera_k_copy_wait: waits until at most N of this thread's last groups are under way; other threads see the rest after a barrier. */
template <int N> __device__ __forceinline__ void vera_k_copy_wait(void);

/** vera_k_exp2: Returns: 2^x to 2 ulp (ex2.approx.ftz); 0 for -infinity */
__device__ float vera_k_exp2(float x);

/** vera_k_pack_bf16: Returns: both rounded to nearest even, @low in the low half */
__device__ uint32_t vera_k_pack_bf16(float low, float high);

#ifdef VERA_CUDA_HOST
#include <vera-cuda-host-ptx.h>
#else

__device__ __forceinline__ unsigned char *
vera_k_dynamic_shared(void)
{
    extern __shared__ __align__(1024) unsigned char vera_k_dynamic_shared_memory[];
    return vera_k_dynamic_shared_memory;
}

__device__ __forceinline__ uint32_t
vera_k_shared_address(const void *shared)
{
    return (uint32_t)__cvta_generic_to_shared(shared);
}

__device__ __forceinline__ int
vera_k_thread(void)
{
    int thread;

    asm volatile("mov.u32 %0, %%tid.x;" : "=r"(thread));
    return thread;
}

__device__ __forceinline__ int
vera_k_block_y(void)
{
    int block;

    asm volatile("mov.u32 %0, %%ctaid.y;" : "=r"(block));
    return block;
}

template <int N, bool kIsTransposed>
__device__ __forceinline__ void
vera_k_ldmatrix(uint32_t (&r)[N], uint32_t row)
{
    static_assert(N == 1 || N == 2 || N == 4, "ldmatrix loads 1, 2 or 4 matrices");
    if constexpr (N == 4 && !kIsTransposed)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                     : "r"(row)
                     : "memory");
    else if constexpr (N == 4)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                     : "r"(row)
                     : "memory");
    else if constexpr (N == 2 && !kIsTransposed)
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];" : "=r"(r[0]), "=r"(r[1]) : "r"(row) : "memory");
    else if constexpr (N == 2)
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];" : "=r"(r[0]), "=r"(r[1]) : "r"(row) : "memory");
    else if constexpr (!kIsTransposed)
        asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(r[0]) : "r"(row) : "memory");
    else
        asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];" : "=r"(r[0]) : "r"(row) : "memory");
}

__device__ __forceinline__ void
vera_k_mma_bf16(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ __forceinline__ void
vera_k_copy_16(uint32_t shared, const void *global, bool is_zero)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :
                 : "r"(shared), "l"(__cvta_generic_to_global(global)), "r"(is_zero ? 0 : 16)
                 : "memory");
}

__device__ __forceinline__ void
vera_k_copy_commit(void)
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

template <int N>
__device__ __forceinline__ void
vera_k_copy_wait(void)
{
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

__device__ __forceinline__ float
vera_k_exp2(float x)
{
    float y;

    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

__device__ __forceinline__ uint32_t
vera_k_pack_bf16(float low, float high)
{
    uint32_t packed;

    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
    return packed;
}

#endif
