#include <cstdio>
#include <cstdlib>

#include <cuda_bf16.h>

#include "kernels/cuda/ptx-sm90.cuh"

/* The emulator itself: right kernels give right results in every order, broken ones are refused. */

static int n_cases, n_failed;

static void
check(bool ok, const char *what)
{
    n_cases++;
    n_failed += !ok;
    if (!ok)
        printf("FAILED %s%s%s\n", what, vera_cuda_host_message()[0] ? ": " : "", vera_cuda_host_message());
}

template <typename Kernel, typename... Arguments>
static bool
launch(Kernel kernel, dim3 grid, dim3 block, size_t shared, Arguments... arguments)
{
    cudaLaunchConfig_t config = {};

    config.gridDim = grid;
    config.blockDim = block;
    config.dynamicSmemBytes = shared;
    cudaGetLastError();
    return cudaLaunchKernelEx(&config, kernel, arguments...) == cudaSuccess;
}

/* Sums of blocks in three ways: shared memory with barriers, shuffles with a static array, atomics. */
static __global__ void
sum_tree(const float *x, float *y)
{
    float *part = (float *)vera_k_dynamic_shared();
    unsigned t = threadIdx.x;

    part[t] = x[blockIdx.x * blockDim.x + t];
    for (unsigned n = blockDim.x / 2; n > 0; n /= 2) {
        __syncthreads();
        if (t < n)
            part[t] += part[t + n];
    }
    if (t == 0)
        y[blockIdx.x] = part[0];
}

static __global__ void
sum_shuffle(const float *x, float *y)
{
    __shared__ float parts[32];
    float sum = x[blockIdx.x * blockDim.x + threadIdx.y * 32 + threadIdx.x];

    for (int n = 16; n > 0; n /= 2)
        sum += __shfl_xor_sync(0xffffffffu, sum, n);
    if (threadIdx.x == 0)
        parts[threadIdx.y] = sum;
    __syncthreads();
    if (threadIdx.x == 0)
        atomicAdd(&y[blockIdx.x], parts[threadIdx.y]);
}

/* Without a barrier this is right only for threads that run in their own order. */
static __global__ void
shift(const float *x, float *y)
{
    float *shared = (float *)vera_k_dynamic_shared();
    unsigned t = threadIdx.x;

    shared[t] = x[t];
    y[t] = t > 0 ? shared[t - 1] : 0;
}

static void
check_sums(void)
{
    static const VeraCudaHostOrder orders[] = {VERA_CUDA_HOST_FORWARD, VERA_CUDA_HOST_BACKWARD, VERA_CUDA_HOST_SHUFFLED};
    float x[256], y[128];

    for (int i = 0; i < 256; i++)
        x[i] = (float)(i % 17);
    for (VeraCudaHostOrder order : orders) {
        vera_cuda_host_set_order(order);
        check(launch(sum_tree, 2, 128, 512, x, y) && y[0] + y[1] == 2040, "tree sum");
        bool ok = launch(shift, 1, 128, 512, x, y);
        for (int i = 1; i < 128; i++)
            ok = ok && y[i] == x[i - 1];
        check(ok == (order == VERA_CUDA_HOST_FORWARD), "a missing barrier shows in other orders");
        y[0] = y[1] = 0;
        check(launch(sum_shuffle, 1, dim3(32, 8), 0, x, y) && y[0] == 2040, "shuffled sum");
    }
}

enum { LATE, OUTSIDE, MISALIGNED, MISSED_BARRIER, PART_OF_A_WARP, PAST_THE_END, UNWRITTEN };

static __global__ void
broken(int how, const float *x, float *y)
{
    float *shared = (float *)vera_k_dynamic_shared();
    uint32_t address = vera_k_shared_address(shared), r[1];

    if (how == LATE || how == OUTSIDE || how == MISALIGNED) {
        vera_k_copy_16(address + (how == OUTSIDE ? 512 : how == MISALIGNED ? 8 : threadIdx.x * 16), x, false);
        vera_k_copy_commit();
        vera_k_copy_wait<1>();
    }
    if (how == MISSED_BARRIER && threadIdx.x != 5)
        __syncthreads();
    if (how == PART_OF_A_WARP && threadIdx.x < 16)
        vera_k_ldmatrix<1, false>(r, address);
    if (how == PAST_THE_END)
        shared[128] = 1;
    y[threadIdx.x] = shared[threadIdx.x];
}

static void
check_broken(void)
{
    float y[32];
    float *x = (float *)vera_cuda_host_alloc(16);

    x[0] = x[1] = x[2] = x[3] = 1;
    check(launch(broken, 1, 32, 512, (int)UNWRITTEN, x, y) && std::isnan(y[0]), "unwritten shared memory is NaN");
    check(launch(broken, 1, 32, 512, (int)LATE, x, y) && std::isnan(y[0]), "a copy that nobody waits for is NaN");
    for (int how = OUTSIDE; how <= PAST_THE_END; how++)
        check(!launch(broken, 1, 32, 512, how, x, y), "a broken kernel is refused");
    check(!launch(broken, 1, 32, 60000, (int)UNWRITTEN, x, y), "more shared memory than allowed");
    vera_cuda_host_free(x, 16);
}

/* c[16, 8] = a[16, 16] b[16, 8] by the instructions that attention uses; @b is stored [16, 8], so that it must be transposed. */
static __global__ void
multiply(const uint16_t *a, const uint16_t *b, float *c)
{
    unsigned char *shared = vera_k_dynamic_shared();
    uint32_t base = vera_k_shared_address(shared), lane = threadIdx.x, fragment[4], right[2];
    float sums[4] = {0, 0, 0, 0};

    vera_k_copy_16(base + lane * 16, a + lane * 8, false);
    vera_k_copy_16(base + 512 + lane % 16 * 16, b + lane % 16 * 8, false);
    vera_k_copy_commit();
    vera_k_copy_wait<0>();
    __syncwarp();
    vera_k_ldmatrix<4, false>(fragment, base + lane % 16 * 32 + lane / 16 * 16);
    vera_k_ldmatrix<2, true>(right, base + 512 + lane % 16 * 16);
    vera_k_mma_bf16(sums, fragment, right[0], right[1]);
    for (int i = 0; i < 4; i++)
        c[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = sums[i];
}

static void
check_multiply(void)
{
    alignas(16) uint16_t a[16 * 16], b[16 * 8];
    float c[16 * 8];
    bool ok;

    for (int i = 0; i < 256; i++)
        a[i] = __float2bfloat16((float)((i * 7 + i / 16) % 23 - 11)).bits;
    for (int i = 0; i < 128; i++)
        b[i] = __float2bfloat16((float)((i * 5 + i / 8) % 19 - 9)).bits;
    ok = launch(multiply, 1, 32, 1024, a, b, c);
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 8; j++) {
            float sum = 0;
            for (int k = 0; k < 16; k++)
                sum += __bfloat162float({a[i * 16 + k]}) * __bfloat162float({b[k * 8 + j]});
            ok = ok && c[i * 8 + j] == sum;
        }
    check(ok, "ldmatrix and mma");
}

/* A map of bf16 [rows, 64] for boxes of all rows. */
static CUtensorMap
make_map(const uint16_t *data, int n_rows)
{
    CUtensorMap map;
    void *encode;
    cudaDriverEntryPointQueryResult found;
    const cuuint64_t size[3] = {64, 1, (cuuint64_t)n_rows}, stride[2] = {128, 128};
    const cuuint32_t box[3] = {64, 1, (cuuint32_t)n_rows}, step[3] = {1, 1, 1};

    check(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &encode, 12000, cudaEnableDefault, &found) == cudaSuccess &&
              ((CUresult(*)(CUtensorMap *, CUtensorMapDataType, cuuint32_t, void *, const cuuint64_t *, const cuuint64_t *, const cuuint32_t *,
                            const cuuint32_t *, CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill))encode)(
                  &map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 3, (void *)data, size, stride, box, step, CU_TENSOR_MAP_INTERLEAVE_NONE,
                  CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_NONE, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS,
          "a map of a tensor");
    return map;
}

enum { RIGHT, NO_BARRIER, TOO_MANY_ARRIVALS, UNANNOUNCED_BYTES, EARLY, NOT_BEGUN, NOT_WAITED_FOR, OTHER_SWIZZLE };

/* c[64, 128] = a[64, 64] b[128, 64]^T, and then + a's first 16 columns, as registers, times b's first 16 rows in its first 64 columns. */
static __global__ void
multiply_tiles(int how, CUtensorMap map_a, CUtensorMap map_b, const uint16_t *a, float *c, float *d)
{
    uint32_t base = vera_k_shared_address(vera_k_dynamic_shared()), tile_b = base + 64 * 128, barrier = tile_b + 128 * 128;
    unsigned t = threadIdx.x, row = t / 32 * 16 + t % 32 / 4, column = t % 4 * 2;
    uint64_t left = vera_k_tile_descriptor(base, 0, 1024), right = vera_k_tile_descriptor(tile_b, 0, 1024);
    float sums[64], others[32] = {};
    uint32_t part[4];

    if (how == OTHER_SWIZZLE)
        right ^= (uint64_t)3 << 62;
    if (t == 0 && how != NO_BARRIER)
        vera_k_mbarrier_init(barrier, 1);
    __syncthreads();
    if (t == 0) {
        vera_k_mbarrier_expect(barrier, (64 + (how == UNANNOUNCED_BYTES ? 64 : 128)) * 128);
        if (how == TOO_MANY_ARRIVALS)
            vera_k_mbarrier_arrive(barrier);
        vera_k_copy_box(base, &map_a, 0, 0, 0, barrier);
        vera_k_copy_box(tile_b, &map_b, 0, 0, 0, barrier);
    }
    if (how != EARLY)
        vera_k_mbarrier_wait(barrier, 0);
    if (how != NOT_BEGUN)
        vera_k_products_begin();
    for (int k = 0; k < 4; k++)
        vera_k_product_rows(sums, left + (uint64_t)(k * 2), right + (uint64_t)(k * 2), k > 0);
    vera_k_products_commit();
    for (unsigned i = 0; i < 4; i++) {
        const uint16_t *from = a + (row + i % 2 * 8) * 64 + column + i / 2 * 8;
        part[i] = from[0] | (uint32_t)from[1] << 16;
    }
    vera_k_product_columns(others, part, right);
    vera_k_products_commit();
    if (how != NOT_WAITED_FOR)
        vera_k_products_wait<0>();
    for (unsigned i = 0; i < 64; i++)
        c[(row + i / 2 % 2 * 8) * 128 + i / 4 * 8 + column + i % 2] = sums[i];
    for (unsigned i = 0; i < 32; i++)
        d[(row + i / 2 % 2 * 8) * 64 + i / 4 * 8 + column + i % 2] = others[i];
}

static void
check_tiles(void)
{
    alignas(16) static uint16_t a[64 * 64], b[128 * 64];
    static float c[64 * 128], d[64 * 64];
    bool ok;

    for (int i = 0; i < 64 * 64; i++)
        a[i] = __float2bfloat16((float)((i * 7 + i / 64) % 23 - 11)).bits;
    for (int i = 0; i < 128 * 64; i++)
        b[i] = __float2bfloat16((float)((i * 5 + i / 64) % 19 - 9)).bits;
    CUtensorMap map_a = make_map(a, 64), map_b = make_map(b, 128);
    ok = launch(multiply_tiles, 1, 128, 64 * 128 + 128 * 128 + 8, (int)RIGHT, map_a, map_b, a, c, d);
    for (int i = 0; i < 64; i++)
        for (int j = 0; j < 128; j++) {
            float rows = 0, columns = 0;
            for (int k = 0; k < 64; k++)
                rows += __bfloat162float({a[i * 64 + k]}) * __bfloat162float({b[j * 64 + k]});
            for (int k = 0; k < 16 && j < 64; k++)
                columns += __bfloat162float({a[i * 64 + k]}) * __bfloat162float({b[k * 64 + j]});
            ok = ok && c[i * 128 + j] == rows && (j >= 64 || d[i * 64 + j] == columns);
        }
    check(ok, "copies of boxes and products by a warpgroup");
    for (int how = NO_BARRIER; how <= OTHER_SWIZZLE; how++) {
        ok = launch(multiply_tiles, 1, 128, 64 * 128 + 128 * 128 + 8, how, map_a, map_b, a, c, d);
        check(!ok || (how == EARLY && std::isnan(c[0])), "a broken use of tiles is refused");
    }
}

int
main(void)
{
    check_sums();
    check_broken();
    check_multiply();
    check_tiles();
    printf("%d cases, %d failed\n", n_cases, n_failed);
    return n_failed != 0;
}
