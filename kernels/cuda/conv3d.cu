#include "kernels/cuda/conv3d-f32.cuh"
#include "kernels/cuda/conv3d-mma.cuh"
#include "kernels/cuda/conv3d.h"

/* Which kernel, with what memory; see conv3d.h. */

typedef void (*VeraKConv3dKernel)(VeraKConv3dArguments v);

static bool
vera_k_conv3d_is_mma(const VeraKConv3d *op)
{
    return op->compute == VERA_K_COMPUTE_BF16;
}

/* Channels in a chunk of 16 bytes. */
static int64_t
vera_k_conv3d_chunk_width(const VeraKConv3d *op)
{
    return vera_k_conv3d_is_mma(op) ? 8 : 4;
}

/* Chunks of a pixel. */
static int64_t
vera_k_conv3d_n_chunks(const VeraKConv3d *op)
{
    int64_t width = vera_k_conv3d_chunk_width(op);
    return (op->x.shape[3] + width - 1) / width;
}

static int64_t
vera_k_conv3d_n_steps(const VeraKConv3d *op)
{
    const int64_t *k = op->weight.shape;
    int64_t n = k[2] * k[3] * k[4] * vera_k_conv3d_n_chunks(op);
    return (n + VERA_K_CONV_STEP_CHUNKS - 1) / VERA_K_CONV_STEP_CHUNKS;
}

static size_t
vera_k_conv3d_align(int64_t size)
{
    return ((size_t)size + 255) / 256 * 256;
}

extern "C" const char *
vera_k_cuda_conv3d_variant(const VeraKConv3d *op)
{
    return vera_k_conv3d_is_mma(op) ? "mma" : "f32";
}

/* Copies in the order of the kernels. */

typedef struct {
    const void *from;
    uint32_t *to;
    int64_t n_words; /* of 4 bytes: one channel, or two in bf16 */
    int64_t n_channels, width;
    int dtype;
    bool is_bf16;
    int64_t n_taps, row_words; /* of weights */
} VeraKConv3dPack;

/* Channel @channel of the given type at @at + channel * step, zeros from n_channels on. */
static __device__ __forceinline__ uint32_t
vera_k_conv3d_pack_word(const VeraKConv3dPack &p, int64_t at, int64_t channel, int64_t step)
{
    float low = channel < p.n_channels ? vera_k_element(p.from, p.dtype, at + channel * step, 0) : 0, high = 0;

    if (!p.is_bf16)
        return __float_as_uint(low);
    if (channel + 1 < p.n_channels)
        high = vera_k_element(p.from, p.dtype, at + (channel + 1) * step, 0);
    return vera_k_pack_bf16(low, high);
}

/* [pixels, n_channels] to [pixels, width] */
static __global__ void
vera_k_conv3d_pack_pixels_kernel(const VeraKConv3dPack p)
{
    int64_t per_word = p.is_bf16 ? 2 : 1, pixel_words = p.width / per_word;

    VERA_K_FOR_ELEMENTS(i, p.n_words)
        p.to[i] = vera_k_conv3d_pack_word(p, i / pixel_words * p.n_channels, i % pixel_words * per_word, 1);
}

/* [O, n_channels, taps] to [O, taps, width], rows filled up with zeros to row_words */
static __global__ void
vera_k_conv3d_pack_weights_kernel(const VeraKConv3dPack p)
{
    int64_t per_word = p.is_bf16 ? 2 : 1, pixel_words = p.width / per_word;

    VERA_K_FOR_ELEMENTS(i, p.n_words) {
        int64_t tap = i % p.row_words / pixel_words, row = i / p.row_words * p.n_channels * p.n_taps;
        p.to[i] = tap < p.n_taps ? vera_k_conv3d_pack_word(p, row + tap, i % p.row_words % pixel_words * per_word, p.n_taps) : 0;
    }
}

extern "C" size_t
vera_k_cuda_conv3d_packed_size(const VeraKConv3d *op)
{
    return vera_k_conv3d_align(op->weight.shape[0] * vera_k_conv3d_n_steps(op) * VERA_K_CONV_STEP_BYTES);
}

static VeraKConv3dPack
vera_k_conv3d_get_pack(const VeraKConv3d *op, const VeraKTensor *from, void *to)
{
    VeraKConv3dPack p = {};

    p.from = from->data;
    p.to = (uint32_t *)to;
    p.n_channels = op->x.shape[3];
    p.width = vera_k_conv3d_n_chunks(op) * vera_k_conv3d_chunk_width(op);
    p.dtype = from->dtype;
    p.is_bf16 = vera_k_conv3d_is_mma(op);
    return p;
}

extern "C" VeraKStatus
vera_k_cuda_conv3d_pack(const VeraKConv3d *op, void *packed, cudaStream_t stream)
{
    VeraKConv3dPack p = vera_k_conv3d_get_pack(op, &op->weight, packed);

    p.n_taps = op->weight.shape[2] * op->weight.shape[3] * op->weight.shape[4];
    p.row_words = vera_k_conv3d_n_steps(op) * VERA_K_CONV_STEP_BYTES / 4;
    p.n_words = op->weight.shape[0] * p.row_words;
    return vera_k_launch_elements(vera_k_conv3d_pack_weights_kernel, p.n_words, p, stream);
}

static bool
vera_k_conv3d_is_in_place(const VeraKConv3d *op, const VeraKTensor *t)
{
    return t->data == NULL || (t->dtype == (vera_k_conv3d_is_mma(op) ? VERA_K_DTYPE_BF16 : VERA_K_DTYPE_F32) &&
                               t->shape[3] % vera_k_conv3d_chunk_width(op) == 0 && (uintptr_t)t->data % 16 == 0);
}

/* Bytes of a tensor's pixels in the order of the kernels. */
static size_t
vera_k_conv3d_pixels_size(const VeraKConv3d *op, const VeraKTensor *t)
{
    return t->data != NULL ? vera_k_conv3d_align(t->shape[0] * t->shape[1] * t->shape[2] * vera_k_conv3d_n_chunks(op) * 16) : 0;
}

extern "C" size_t
vera_k_cuda_conv3d_workspace(const VeraKConv3d *op)
{
    return (vera_k_conv3d_is_in_place(op, &op->x) ? 0 : vera_k_conv3d_pixels_size(op, &op->x)) +
           (vera_k_conv3d_is_in_place(op, &op->cache) ? 0 : vera_k_conv3d_pixels_size(op, &op->cache));
}

/* A tensor as the kernels want it: where it lies, or a copy at *@at, which moves on behind it. */
static VeraKStatus
vera_k_conv3d_prepare(const VeraKConv3d *op, const VeraKTensor *t, char **at, cudaStream_t stream, const char **pixels)
{
    VeraKConv3dPack p = vera_k_conv3d_get_pack(op, t, *at);

    *pixels = (const char *)t->data;
    if (vera_k_conv3d_is_in_place(op, t))
        return VERA_K_OK;
    p.n_words = t->shape[0] * t->shape[1] * t->shape[2] * vera_k_conv3d_n_chunks(op) * 4;
    *pixels = *at;
    *at += vera_k_conv3d_pixels_size(op, t);
    return vera_k_launch_elements(vera_k_conv3d_pack_pixels_kernel, p.n_words, p, stream);
}

static VeraKConv3dArguments
vera_k_conv3d_arguments(const VeraKConv3d *op, const void *packed)
{
    VeraKConv3dArguments v = {};
    const int64_t *x = op->x.shape, *k = op->weight.shape, *y = op->y.shape;

    v.weights = (const char *)packed;
    v.bias = op->bias.data;
    v.bias_dtype = op->bias.dtype;
    v.residual = (const float *)op->residual.data;
    v.y = (float *)op->y.data;
    v.n_cached = op->cache.data != NULL ? (int)op->cache.shape[0] : 0;
    v.n_frames = v.n_cached + (int)x[0];
    v.height = (int)x[1], v.width = (int)x[2], v.n_chunks = (int)vera_k_conv3d_n_chunks(op);
    v.out_height = (int)y[1], v.out_width = (int)y[2];
    v.n_pixels = (int)(y[0] * y[1] * y[2]), v.n_columns = (int)y[3];
    v.n_steps = (int)vera_k_conv3d_n_steps(op);
    v.kernel_t = (int)k[2], v.kernel_h = (int)k[3], v.kernel_w = (int)k[4];
    v.stride_t = op->stride_t, v.stride_h = op->stride_h, v.stride_w = op->stride_w;
    v.pad_t = op->pad_t, v.pad_h = op->pad_h_before, v.pad_w = op->pad_w_before;
    v.upsample = op->upsample;
    v.is_paired = y[3] % 2 == 0 && (uintptr_t)op->y.data % 8 == 0 && (uintptr_t)op->residual.data % 8 == 0;
    return v;
}

/* Channels a block makes: as few for nothing as can be, then as many as can be. */
static int
vera_k_conv3d_choose_columns(int64_t n)
{
    return n <= 16 ? 16 : n <= 32 ? 32 : (n + 95) / 96 * 96 <= (n + 63) / 64 * 64 ? 96 : 64;
}

template <int kColumns>
static VeraKStatus
vera_k_conv3d_launch(bool is_mma, const VeraKConv3dArguments &v, cudaStream_t stream)
{
    VeraKConv3dKernel kernel = is_mma ? vera_k_conv3d_mma_kernel<kColumns> : vera_k_conv3d_f32_kernel<kColumns>;
    int64_t n_blocks = ((int64_t)v.n_pixels + VERA_K_CONV_ROWS - 1) / VERA_K_CONV_ROWS * ((v.n_columns + kColumns - 1) / kColumns);
    cudaLaunchConfig_t config = {};

    if (n_blocks > INT32_MAX)
        return VERA_K_ERR_INVALID;
    config.gridDim = dim3((unsigned)n_blocks);
    config.blockDim = dim3(is_mma ? VERA_K_CONV_MMA_THREADS : VERA_K_CONV_F32_THREADS);
    config.dynamicSmemBytes = (size_t)vera_k_conv3d_shared_bytes(kColumns);
    config.stream = stream;
    return cudaLaunchKernelEx(&config, kernel, v) == cudaSuccess ? VERA_K_OK : VERA_K_ERR_INTERNAL;
}

extern "C" VeraKStatus
vera_k_cuda_conv3d(const VeraKConv3d *op, const void *packed, void *workspace, cudaStream_t stream)
{
    const int64_t *x = op->x.shape, *y = op->y.shape;
    int n_columns = vera_k_conv3d_choose_columns(y[3]);
    bool is_mma = vera_k_conv3d_is_mma(op);
    char *at = (char *)workspace;
    VeraKConv3dArguments v;
    VeraKStatus status;

    if (y[0] * y[1] * y[2] > INT32_MAX - VERA_K_CONV_ROWS || x[1] * x[2] > INT32_MAX / 4)
        return VERA_K_ERR_INVALID;
    v = vera_k_conv3d_arguments(op, packed);
    status = vera_k_conv3d_prepare(op, &op->x, &at, stream, &v.x);
    if (status == VERA_K_OK)
        status = vera_k_conv3d_prepare(op, &op->cache, &at, stream, &v.cache);
    if (status != VERA_K_OK)
        return status;
    return n_columns == 16   ? vera_k_conv3d_launch<16>(is_mma, v, stream)
           : n_columns == 32 ? vera_k_conv3d_launch<32>(is_mma, v, stream)
           : n_columns == 64 ? vera_k_conv3d_launch<64>(is_mma, v, stream)
                             : vera_k_conv3d_launch<96>(is_mma, v, stream);
}
