#include "kernels/cuda/attention-f32.cuh"
#include "kernels/cuda/attention-mma.cuh"
#include "kernels/cuda/attention-pack.cuh"
#include "kernels/cuda/attention-wgmma.cuh"

/* Which kernel, with what memory; see attention.h. */

#define VERA_K_MMA_MAX_WIDTH 128
#define VERA_K_MAX_ROWS (INT32_MAX - 256) /* so that the last tile's rows still count in an int */

typedef void (*VeraKAttentionKernel)(VeraKAttentionArguments a);
typedef void (*VeraKAttentionWgmmaKernel)(VeraKAttentionArguments a, VeraKAttentionMaps maps);

/* A kernel and how to launch it. */
typedef struct {
    VeraKAttentionKernel run;
    dim3 grid;
    int n_threads;
    int shared_bytes;
} VeraKAttentionLaunch;

static bool
vera_k_attention_is_mma(const VeraKCudaAttentionDevice *device, const VeraKAttention *op)
{
    return device->sm >= 80 && op->compute == VERA_K_COMPUTE_BF16 && op->q.shape[2] <= VERA_K_MMA_MAX_WIDTH;
}

static int
vera_k_attention_width(const VeraKAttention *op)
{
    int64_t d = op->q.shape[2];
    return d <= 32 ? 32 : d <= 64 ? 64 : d <= 96 ? 96 : 128;
}

/* Whether the kernel can read a tensor where it lies: bf16, as wide as the kernel, every row 16-byte aligned. */
static bool
vera_k_attention_is_packed(const VeraKTensor *t, int width)
{
    return t->dtype == VERA_K_DTYPE_BF16 && t->shape[2] == width && (uintptr_t)t->data % 16 == 0 && t->stride[0] % 8 == 0 &&
           t->stride[1] % 8 == 0;
}

static size_t
vera_k_attention_packed_bytes(const VeraKTensor *t, int width)
{
    if (vera_k_attention_is_packed(t, width))
        return 0;
    return ((size_t)(t->shape[0] * t->shape[1]) * (size_t)width * 2 + 255) / 256 * 256;
}

extern "C" size_t
vera_k_cuda_attention_workspace(const VeraKCudaAttentionDevice *device, const VeraKAttention *op)
{
    int width = vera_k_attention_width(op);

    if (!vera_k_attention_is_mma(device, op))
        return 0;
    return vera_k_attention_packed_bytes(&op->q, width) + vera_k_attention_packed_bytes(&op->k, width) +
           vera_k_attention_packed_bytes(&op->v, width);
}

/*
 * Scores are scaled inside of the exponent unless pairs have biases. This is right for positive scales only, and biases of keys, which
 * are divided by the scale first, must stay finite.
 */
static VeraKAttentionBias
vera_k_attention_get_bias(const VeraKAttention *op)
{
    if (op->bias.data != NULL || !(op->scale > (op->key_bias.data != NULL ? 1e-6f : 0)))
        return VERA_K_BIAS_PAIRS;
    return op->key_bias.data != NULL ? VERA_K_BIAS_KEYS : VERA_K_BIAS_NONE;
}

/* Whether this module has code for 9.0a. Built for anything else, and translated by the driver, the kernel is empty: it has few registers. */
static bool
vera_k_attention_has_wgmma(void)
{
    cudaFuncAttributes attributes;

    return cudaFuncGetAttributes(&attributes, vera_k_attention_wgmma_kernel<128, float>) == cudaSuccess && attributes.numRegs > 64;
}

static bool
vera_k_attention_is_wgmma(const VeraKCudaAttentionDevice *device, const VeraKAttention *op)
{
    return device->sm == 90 && !device->avoids_wgmma && vera_k_attention_is_mma(device, op) && vera_k_attention_width(op) % 64 == 0 &&
           vera_k_attention_get_bias(op) == VERA_K_BIAS_NONE && vera_k_attention_has_wgmma();
}

extern "C" const char *
vera_k_cuda_attention_variant(const VeraKCudaAttentionDevice *device, const VeraKAttention *op)
{
    return vera_k_attention_is_wgmma(device, op) ? "wgmma" : vera_k_attention_is_mma(device, op) ? "mma" : "f32";
}

static VeraKAttentionHeads
vera_k_attention_heads(const VeraKTensor *t)
{
    VeraKAttentionHeads heads = {t->data, t->stride[0], t->stride[1]};
    return heads;
}

static VeraKStatus
vera_k_attention_launch(const VeraKAttentionLaunch *launch, const VeraKAttentionArguments *a, cudaStream_t stream)
{
    cudaLaunchConfig_t config = {};

    config.gridDim = launch->grid;
    config.blockDim = dim3((unsigned)launch->n_threads);
    config.dynamicSmemBytes = (size_t)launch->shared_bytes;
    config.stream = stream;
    if (cudaFuncSetAttribute(launch->run, cudaFuncAttributeMaxDynamicSharedMemorySize, launch->shared_bytes) != cudaSuccess)
        return VERA_K_ERR_INTERNAL;
    return cudaLaunchKernelEx(&config, launch->run, *a) == cudaSuccess ? VERA_K_OK : VERA_K_ERR_INTERNAL;
}

/* Heads as the kernel wants them: where they lie, or a copy at *@at, which moves on behind it. */
static VeraKStatus
vera_k_attention_pack(const VeraKTensor *t, int width, char **at, cudaStream_t stream, VeraKAttentionHeads *heads)
{
    int64_t n_pairs = t->shape[0] * t->shape[1] * (width / 2), n_blocks = (n_pairs + VERA_K_PACK_THREADS - 1) / VERA_K_PACK_THREADS;
    cudaLaunchConfig_t config = {};
    cudaError_t error;

    *heads = vera_k_attention_heads(t);
    if (vera_k_attention_is_packed(t, width))
        return VERA_K_OK;
    if (n_blocks > INT32_MAX)
        return VERA_K_ERR_INVALID;
    config.gridDim = dim3((unsigned)n_blocks);
    config.blockDim = dim3(VERA_K_PACK_THREADS);
    config.stream = stream;
    error = cudaLaunchKernelEx(&config, t->dtype == VERA_K_DTYPE_F32 ? vera_k_attention_pack_kernel<float> : vera_k_attention_pack_kernel<__nv_bfloat16>,
                               *heads, n_pairs, (int)t->shape[1], (int)t->shape[2], width, (uint32_t *)*at);
    heads->data = *at;
    heads->head_stride = width;
    heads->row_stride = t->shape[1] * width;
    *at += vera_k_attention_packed_bytes(t, width);
    return error == cudaSuccess ? VERA_K_OK : VERA_K_ERR_INTERNAL;
}

template <int kWidth, int kKeys, VeraKAttentionBias kBias>
static VeraKAttentionKernel
vera_k_attention_get_mma(const VeraKAttention *op)
{
    return op->o.dtype == VERA_K_DTYPE_F32 ? vera_k_attention_mma_kernel<kWidth, kKeys, kBias, float>
                                           : vera_k_attention_mma_kernel<kWidth, kKeys, kBias, __nv_bfloat16>;
}

template <int kWidth>
static VeraKAttentionKernel
vera_k_attention_choose_mma(const VeraKAttention *op, int n_tile_keys)
{
    VeraKAttentionBias bias = vera_k_attention_get_bias(op);

    if (bias == VERA_K_BIAS_PAIRS)
        return vera_k_attention_get_mma<kWidth, 32, VERA_K_BIAS_PAIRS>(op);
    if (bias == VERA_K_BIAS_KEYS)
        return vera_k_attention_get_mma<kWidth, 32, VERA_K_BIAS_KEYS>(op);
    if constexpr (kWidth == 128)
        if (n_tile_keys == 32)
            return vera_k_attention_get_mma<kWidth, 32, VERA_K_BIAS_NONE>(op);
    return vera_k_attention_get_mma<kWidth, 64, VERA_K_BIAS_NONE>(op);
}

/*
 * Two blocks of width 128 need smaller tiles of keys on processors with 100 KiB of shared memory. So do biases everywhere:
 * their addresses do not fit into the registers beside larger tiles.
 */
static VeraKAttentionLaunch
vera_k_attention_plan_mma(const VeraKCudaAttentionDevice *device, const VeraKAttention *op)
{
    bool is_small = device->sm == 86 || device->sm == 89 || device->sm >= 120;
    int width = vera_k_attention_width(op);
    int n_tile_keys = (width == 128 && is_small) || vera_k_attention_get_bias(op) != VERA_K_BIAS_NONE ? 32 : 64;
    VeraKAttentionLaunch launch = {};

    launch.run = width == 32   ? vera_k_attention_choose_mma<32>(op, n_tile_keys)
                 : width == 64 ? vera_k_attention_choose_mma<64>(op, n_tile_keys)
                 : width == 96 ? vera_k_attention_choose_mma<96>(op, n_tile_keys)
                               : vera_k_attention_choose_mma<128>(op, n_tile_keys);
    launch.grid = dim3((unsigned)((op->q.shape[0] + VERA_K_MMA_QUERIES - 1) / VERA_K_MMA_QUERIES), (unsigned)op->q.shape[1]);
    launch.n_threads = VERA_K_MMA_THREADS;
    launch.shared_bytes = vera_k_attention_mma_shared_bytes(width, n_tile_keys);
    return launch;
}

/* Where rows of a head are, for copies of boxes of 64 columns of @n_rows rows. Returns: whether the driver took it */
static bool
vera_k_attention_map(const VeraKAttentionHeads *heads, const VeraKTensor *t, int width, int n_rows, CUtensorMap *map)
{
    typedef CUresult (*Encode)(CUtensorMap *, CUtensorMapDataType, cuuint32_t, void *, const cuuint64_t *, const cuuint64_t *, const cuuint32_t *,
                               const cuuint32_t *, CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);
    cudaDriverEntryPointQueryResult found;
    void *encode = NULL;
    const cuuint64_t size[3] = {(cuuint64_t)width, (cuuint64_t)t->shape[1], (cuuint64_t)t->shape[0]};
    const cuuint64_t stride[2] = {(cuuint64_t)(t->shape[1] > 1 ? heads->head_stride : width) * 2,
                                  (cuuint64_t)(t->shape[0] > 1 ? heads->row_stride : width) * 2};
    const cuuint32_t box[3] = {VERA_K_WGMMA_LANES, 1, (cuuint32_t)n_rows}, step[3] = {1, 1, 1};

    if (cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &encode, 12000, cudaEnableDefault, &found) != cudaSuccess ||
        found != cudaDriverEntryPointSuccess)
        return false;
    return ((Encode)encode)(map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 3, heads->data, size, stride, box, step, CU_TENSOR_MAP_INTERLEAVE_NONE,
                            CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

template <int kWidth>
static VeraKStatus
vera_k_attention_run_wgmma(const VeraKAttention *op, const VeraKAttentionArguments *a, cudaStream_t stream)
{
    using Shared = VeraKAttentionWgmmaShared<kWidth>;
    VeraKAttentionWgmmaKernel run = op->o.dtype == VERA_K_DTYPE_F32 ? vera_k_attention_wgmma_kernel<kWidth, float>
                                                                    : vera_k_attention_wgmma_kernel<kWidth, __nv_bfloat16>;
    VeraKAttentionMaps maps;
    cudaLaunchConfig_t config = {};

    if (!vera_k_attention_map(&a->q, &op->q, kWidth, VERA_K_WGMMA_QUERIES, &maps.q) ||
        !vera_k_attention_map(&a->k, &op->k, kWidth, Shared::kKeys, &maps.k) || !vera_k_attention_map(&a->v, &op->v, kWidth, Shared::kKeys, &maps.v))
        return VERA_K_ERR_INTERNAL;
    config.gridDim = dim3((unsigned)((op->q.shape[0] + VERA_K_WGMMA_QUERIES - 1) / VERA_K_WGMMA_QUERIES), (unsigned)op->q.shape[1]);
    config.blockDim = dim3(VERA_K_WGMMA_THREADS);
    config.dynamicSmemBytes = Shared::kSize;
    config.stream = stream;
    if (cudaFuncSetAttribute(run, cudaFuncAttributeMaxDynamicSharedMemorySize, Shared::kSize) != cudaSuccess)
        return VERA_K_ERR_INTERNAL;
    return cudaLaunchKernelEx(&config, run, *a, maps) == cudaSuccess ? VERA_K_OK : VERA_K_ERR_INTERNAL;
}

static VeraKAttentionLaunch
vera_k_attention_plan_f32(const VeraKAttention *op)
{
    bool is_f32 = op->q.dtype == VERA_K_DTYPE_F32, writes_f32 = op->o.dtype == VERA_K_DTYPE_F32;
    VeraKAttentionLaunch launch = {};

    if (is_f32)
        launch.run = writes_f32 ? vera_k_attention_f32_kernel<float, float> : vera_k_attention_f32_kernel<float, __nv_bfloat16>;
    else
        launch.run = writes_f32 ? vera_k_attention_f32_kernel<__nv_bfloat16, float> : vera_k_attention_f32_kernel<__nv_bfloat16, __nv_bfloat16>;
    launch.grid = dim3((unsigned)((op->q.shape[0] + VERA_K_F32_TILE - 1) / VERA_K_F32_TILE), (unsigned)op->q.shape[1],
                       (unsigned)((op->q.shape[2] + VERA_K_F32_COLUMNS - 1) / VERA_K_F32_COLUMNS));
    launch.n_threads = 256;
    launch.shared_bytes = (int)sizeof(VeraKAttentionF32Shared);
    return launch;
}

static VeraKAttentionArguments
vera_k_attention_arguments(const VeraKAttention *op)
{
    VeraKAttentionArguments a = {};

    a.q = vera_k_attention_heads(&op->q);
    a.k = vera_k_attention_heads(&op->k);
    a.v = vera_k_attention_heads(&op->v);
    a.o = vera_k_attention_heads(&op->o);
    a.bias = (const float *)op->bias.data;
    for (int i = 0; i < 3; i++)
        a.bias_stride[i] = op->bias.stride[i];
    a.key_bias = (const float *)op->key_bias.data;
    a.n_queries = (int)op->q.shape[0];
    a.n_keys = (int)op->k.shape[0];
    a.n_columns = (int)op->q.shape[2];
    a.is_rounded = op->compute == VERA_K_COMPUTE_BF16;
    a.scale_log2 = op->scale * VERA_K_LOG2_E;
    a.unscale = 1 / op->scale;
    return a;
}

extern "C" VeraKStatus
vera_k_cuda_attention(const VeraKCudaAttentionDevice *device, const VeraKAttention *op, void *workspace, cudaStream_t stream)
{
    VeraKAttentionLaunch launch;
    VeraKAttentionArguments a;
    int width = vera_k_attention_width(op);
    char *at = (char *)workspace;
    VeraKStatus status = VERA_K_OK;

    if (op->q.shape[0] > VERA_K_MAX_ROWS || op->k.shape[0] > VERA_K_MAX_ROWS || op->q.shape[1] > 65535)
        return VERA_K_ERR_INVALID;
    a = vera_k_attention_arguments(op);
    if (!vera_k_attention_is_mma(device, op)) {
        launch = vera_k_attention_plan_f32(op);
        return vera_k_attention_launch(&launch, &a, stream);
    }
    status = vera_k_attention_pack(&op->q, width, &at, stream, &a.q);
    if (status == VERA_K_OK)
        status = vera_k_attention_pack(&op->k, width, &at, stream, &a.k);
    if (status == VERA_K_OK)
        status = vera_k_attention_pack(&op->v, width, &at, stream, &a.v);
    if (status != VERA_K_OK)
        return status;
    if (vera_k_attention_is_wgmma(device, op))
        return width == 128 ? vera_k_attention_run_wgmma<128>(op, &a, stream) : vera_k_attention_run_wgmma<64>(op, &a, stream);
    launch = vera_k_attention_plan_mma(device, op);
    return vera_k_attention_launch(&launch, &a, stream);
}
