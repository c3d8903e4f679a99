#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/device-cuda.h"
#include "kernels/cuda/linear.h"

/*
 * Linear layers on cuBLASLt. Its matrices are column-major: y, whose rows are outputs of one token, is there the product of the
 * transposed weight and of x. Which of the library's algorithms runs is asked once for each shape.
 */

#define VERA_K_LINEAR_WORKSPACE_BYTES ((size_t)32 << 20)
#define VERA_K_LINEAR_MAX_ALGORITHMS 512
#define VERA_K_LINEAR_ALIGN 256

/* All that the choice of an algorithm depends on. Zeroed before it is filled: it is compared byte by byte. */
typedef struct {
    int64_t m, n, k, x_stride, y_stride;
    int32_t is_bf16, is_y_bf16, epilogue, align_x, align_weight, align_y;
} VeraKLinearKey;

typedef struct {
    VeraKLinearKey key;
    cublasLtMatmulAlgo_t algorithm;
    bool is_offered; /* the library has something for this shape */
} VeraKLinearEntry;

struct VeraKCudaAlgorithms {
    int n;
    VeraKLinearEntry entry[VERA_K_LINEAR_MAX_ALGORITHMS];
};

/* The library's objects for one call. */
typedef struct {
    cublasLtMatmulDesc_t product;
    cublasLtMatrixLayout_t weight, x, y;
} VeraKLinearLayouts;

/* What a call works with once types are those of the product. */
typedef struct {
    const VeraKLinear *op;
    VeraKLinearKey key;
    const void *x, *weight, *bias; /* bias in the type of y, or NULL if the library does not add it */
    void *workspace;
} VeraKLinearRun;

void
vera_k_algorithms_free(VeraKCudaAlgorithms *self)
{
    free(self);
}

static size_t
vera_k_linear_round(size_t size)
{
    return (size + VERA_K_LINEAR_ALIGN - 1) / VERA_K_LINEAR_ALIGN * VERA_K_LINEAR_ALIGN;
}

static int32_t
vera_k_linear_get_align(const void *data)
{
    uintptr_t low = (uintptr_t)data | VERA_K_LINEAR_ALIGN;

    return (int32_t)(low & (~low + 1));
}

static void
vera_k_linear_layouts_clear(VeraKLinearLayouts *l)
{
    if (l->product != NULL)
        cublasLtMatmulDescDestroy(l->product);
    if (l->weight != NULL)
        cublasLtMatrixLayoutDestroy(l->weight);
    if (l->x != NULL)
        cublasLtMatrixLayoutDestroy(l->x);
    if (l->y != NULL)
        cublasLtMatrixLayoutDestroy(l->y);
}

static bool
vera_k_linear_layouts_init(VeraKLinearLayouts *l, const VeraKLinearRun *run)
{
    const VeraKLinearKey *key = &run->key;
    cudaDataType_t in = key->is_bf16 ? CUDA_R_16BF : CUDA_R_32F, out = key->is_y_bf16 ? CUDA_R_16BF : CUDA_R_32F;
    cublasOperation_t turned = CUBLAS_OP_T;
    cublasLtEpilogue_t epilogue = (cublasLtEpilogue_t)key->epilogue;
    bool ok = cublasLtMatmulDescCreate(&l->product, CUBLAS_COMPUTE_32F, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS &&
              cublasLtMatmulDescSetAttribute(l->product, CUBLASLT_MATMUL_DESC_TRANSA, &turned, sizeof turned) == CUBLAS_STATUS_SUCCESS &&
              cublasLtMatmulDescSetAttribute(l->product, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue) == CUBLAS_STATUS_SUCCESS;

    if (ok && run->bias != NULL)
        ok = cublasLtMatmulDescSetAttribute(l->product, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &run->bias, sizeof run->bias) == CUBLAS_STATUS_SUCCESS &&
             cublasLtMatmulDescSetAttribute(l->product, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &out, sizeof out) == CUBLAS_STATUS_SUCCESS;
    return ok && cublasLtMatrixLayoutCreate(&l->weight, in, (uint64_t)key->k, (uint64_t)key->n, key->k) == CUBLAS_STATUS_SUCCESS &&
           cublasLtMatrixLayoutCreate(&l->x, in, (uint64_t)key->k, (uint64_t)key->m, key->x_stride) == CUBLAS_STATUS_SUCCESS &&
           cublasLtMatrixLayoutCreate(&l->y, out, (uint64_t)key->n, (uint64_t)key->m, key->y_stride) == CUBLAS_STATUS_SUCCESS;
}

static bool
vera_k_linear_ask(cublasLtHandle_t blas, const VeraKLinearLayouts *l, const VeraKLinearKey *key, cublasLtMatmulAlgo_t *algorithm)
{
    cublasLtMatmulPreference_t wish = NULL;
    cublasLtMatmulHeuristicResult_t found;
    size_t workspace = VERA_K_LINEAR_WORKSPACE_BYTES;
    /* Partial sums are added in one order, in F32. */
    uint32_t sums = CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    uint32_t align_weight = (uint32_t)key->align_weight, align_x = (uint32_t)key->align_x, align_y = (uint32_t)key->align_y;
    const struct {
        cublasLtMatmulPreferenceAttributes_t attribute;
        const void *value;
        size_t size;
    } wishes[] = {
        { CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace, sizeof workspace },
        { CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &sums, sizeof sums },
        { CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &align_weight, sizeof align_weight },
        { CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, &align_x, sizeof align_x },
        { CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, &align_y, sizeof align_y },
        { CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, &align_y, sizeof align_y },
    };
    int n_found = 0;
    bool ok = cublasLtMatmulPreferenceCreate(&wish) == CUBLAS_STATUS_SUCCESS;

    for (size_t i = 0; ok && i < sizeof wishes / sizeof *wishes; i++)
        ok = cublasLtMatmulPreferenceSetAttribute(wish, wishes[i].attribute, wishes[i].value, wishes[i].size) == CUBLAS_STATUS_SUCCESS;
    ok = ok && cublasLtMatmulAlgoGetHeuristic(blas, l->product, l->weight, l->x, l->y, l->y, wish, 1, &found, &n_found) == CUBLAS_STATUS_SUCCESS;
    if (wish != NULL)
        cublasLtMatmulPreferenceDestroy(wish);
    if (!ok || n_found < 1 || found.state != CUBLAS_STATUS_SUCCESS)
        return false;
    *algorithm = found.algo;
    return true;
}

/* The algorithm for @run; false if the library has none. */
static bool
vera_k_linear_choose(VeraKCuda *cuda, const VeraKLinearLayouts *l, const VeraKLinearRun *run, cublasLtMatmulAlgo_t *algorithm)
{
    VeraKLinearEntry made = { .key = run->key }, *entry = NULL;
    bool is_offered;

    pthread_mutex_lock(&cuda->lock);
    if (cuda->algorithms == NULL)
        cuda->algorithms = calloc(1, sizeof *cuda->algorithms);
    for (int i = 0; cuda->algorithms != NULL && i < cuda->algorithms->n && entry == NULL; i++)
        if (memcmp(&cuda->algorithms->entry[i].key, &run->key, sizeof run->key) == 0)
            entry = &cuda->algorithms->entry[i];
    if (entry == NULL) {
        entry = &made;
        made.is_offered = vera_k_linear_ask(cuda->blas, l, &run->key, &made.algorithm);
        if (cuda->algorithms != NULL && cuda->algorithms->n < VERA_K_LINEAR_MAX_ALGORITHMS)
            cuda->algorithms->entry[cuda->algorithms->n++] = made;
    }
    *algorithm = entry->algorithm;
    is_offered = entry->is_offered;
    pthread_mutex_unlock(&cuda->lock);
    return is_offered;
}

/* Runs the product; *is_offered false: the library has nothing for this shape, and nothing has been done. */
static cublasStatus_t
vera_k_linear_multiply(VeraKCuda *cuda, const VeraKLinearRun *run, cudaStream_t stream, bool *is_offered)
{
    VeraKLinearLayouts l = { 0 };
    cublasLtMatmulAlgo_t algorithm;
    cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
    float one = 1, zero = 0;
    void *y = run->op->y.data;

    *is_offered = vera_k_linear_layouts_init(&l, run) && vera_k_linear_choose(cuda, &l, run, &algorithm);
    if (*is_offered)
        status = cublasLtMatmul(cuda->blas, l.product, &one, run->weight, l.weight, run->x, l.x, &zero, y, l.y, y, l.y, &algorithm,
                                run->workspace, VERA_K_LINEAR_WORKSPACE_BYTES, stream);
    vera_k_linear_layouts_clear(&l);
    return status;
}

/* Bias, and on compute capability 9.0 GELU in bf16, come with the product; elsewhere GELU is a pass of its own anyway. */
static cublasLtEpilogue_t
vera_k_linear_get_epilogue(const VeraKCuda *cuda, const VeraKLinear *op)
{
    bool is_fused = op->activation == VERA_K_ACTIVATION_NONE ||
                    (op->activation == VERA_K_ACTIVATION_GELU_TANH && op->compute == VERA_K_COMPUTE_BF16 && cuda->sm / 10 == 9);

    if (!is_fused)
        return CUBLASLT_EPILOGUE_DEFAULT;
    if (op->activation == VERA_K_ACTIVATION_GELU_TANH)
        return op->bias.data != NULL ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
    return op->bias.data != NULL ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
}

static void
vera_k_linear_fill_key(VeraKLinearRun *run, cublasLtEpilogue_t epilogue)
{
    const VeraKLinear *op = run->op;
    VeraKLinearKey *key = &run->key;
    bool is_bf16 = op->compute == VERA_K_COMPUTE_BF16;

    memset(key, 0, sizeof *key);
    key->m = op->x.shape[0];
    key->k = op->x.shape[1];
    key->n = op->weight.shape[0];
    key->x_stride = run->x == op->x.data && key->m > 1 ? op->x.stride[0] : key->k;
    key->y_stride = key->m > 1 ? op->y.stride[0] : key->n;
    key->is_bf16 = is_bf16;
    key->is_y_bf16 = op->y.dtype == VERA_K_DTYPE_BF16;
    key->epilogue = (int32_t)epilogue;
    key->align_x = vera_k_linear_get_align(run->x);
    key->align_weight = vera_k_linear_get_align(run->weight);
    key->align_y = vera_k_linear_get_align(op->y.data);
}

/* Where operands go that are not of the product's types; NULL where there is nothing to bring. */
typedef struct {
    char *workspace, *x, *bias, *weight;
    bool is_weight_new;
} VeraKLinearPlaces;

/* Scratch memory comes before a place for the weight, and is taken anew if there is none: it holds nothing yet. */
static VeraKStatus
vera_k_linear_reserve(VeraKCtx *ctx, VeraKCuda *cuda, const VeraKLinear *op, bool has_bias, VeraKLinearPlaces *places)
{
    VeraKDType in = op->compute == VERA_K_COMPUTE_BF16 ? VERA_K_DTYPE_BF16 : VERA_K_DTYPE_F32;
    size_t element = vera_k_dtype_size(in);
    size_t x_size = op->x.dtype == in ? 0 : vera_k_linear_round((size_t)vera_k_tensor_n_elements(&op->x) * element);
    size_t weight_size = op->weight.dtype == in ? 0 : vera_k_linear_round((size_t)vera_k_tensor_n_elements(&op->weight) * element);
    size_t bias_size = has_bias && op->bias.dtype != op->y.dtype ? vera_k_linear_round((size_t)op->weight.shape[0] * 4) : 0;
    size_t size = VERA_K_LINEAR_WORKSPACE_BYTES + x_size + bias_size;
    void *kept = NULL, *scratch;
    VeraKStatus status = cuda->host->scratch(ctx, size, &scratch);

    places->is_weight_new = true;
    if (status == VERA_K_OK && weight_size > 0)
        kept = cuda->host->packed(ctx, &op->weight, weight_size, &places->is_weight_new);
    if (status == VERA_K_OK && weight_size > 0 && kept == NULL)
        status = cuda->host->scratch(ctx, size + weight_size, &scratch);
    if (status != VERA_K_OK)
        return status;
    places->workspace = scratch;
    places->x = x_size > 0 ? places->workspace + VERA_K_LINEAR_WORKSPACE_BYTES : NULL;
    places->bias = bias_size > 0 ? places->workspace + VERA_K_LINEAR_WORKSPACE_BYTES + x_size : NULL;
    places->weight = weight_size == 0 ? NULL : kept != NULL ? kept : places->workspace + size;
    return VERA_K_OK;
}

/* Brings x, weight and bias to the types of the product. */
static VeraKStatus
vera_k_linear_prepare(VeraKCtx *ctx, VeraKCuda *cuda, VeraKLinearRun *run, bool has_bias, cudaStream_t stream)
{
    const VeraKLinear *op = run->op;
    VeraKDType in = op->compute == VERA_K_COMPUTE_BF16 ? VERA_K_DTYPE_BF16 : VERA_K_DTYPE_F32;
    VeraKTensor bias = vera_k_tensor(op->bias.dtype, op->bias.data, 2, (const int64_t[]){ 1, op->weight.shape[0] });
    VeraKLinearPlaces places;
    VeraKStatus status = vera_k_linear_reserve(ctx, cuda, op, has_bias, &places);

    if (status != VERA_K_OK)
        return status;
    run->workspace = places.workspace;
    run->x = places.x != NULL ? places.x : op->x.data;
    run->bias = !has_bias ? NULL : places.bias != NULL ? places.bias : op->bias.data;
    run->weight = places.weight != NULL ? places.weight : op->weight.data;
    if (places.x != NULL)
        status = vera_k_cuda_convert(&op->x, in, places.x, stream);
    if (places.bias != NULL && status == VERA_K_OK)
        status = vera_k_cuda_convert(&bias, op->y.dtype, places.bias, stream);
    if (places.weight != NULL && places.is_weight_new && status == VERA_K_OK)
        status = vera_k_cuda_convert(&op->weight, in, places.weight, stream);
    return status;
}

static bool
vera_k_linear_adds_bias(cublasLtEpilogue_t epilogue)
{
    return epilogue == CUBLASLT_EPILOGUE_BIAS || epilogue == CUBLASLT_EPILOGUE_GELU_BIAS;
}

VeraKStatus
vera_k_linear_measure(VeraKCtx *ctx, VeraKCuda *cuda, const VeraKLinear *op)
{
    VeraKLinearPlaces places;

    return vera_k_linear_reserve(ctx, cuda, op, vera_k_linear_adds_bias(vera_k_linear_get_epilogue(cuda, op)), &places);
}

VeraKStatus
vera_k_linear_run(VeraKCtx *ctx, VeraKCuda *cuda, const VeraKLinear *op)
{
    cudaStream_t stream = vera_k_cuda_get_stream(ctx);
    cublasLtEpilogue_t epilogue = vera_k_linear_get_epilogue(cuda, op);
    bool has_bias = vera_k_linear_adds_bias(epilogue), is_offered;
    bool is_plain = op->bias.data == NULL && op->activation == VERA_K_ACTIVATION_NONE;
    bool is_finished = is_plain || epilogue != CUBLASLT_EPILOGUE_DEFAULT;
    VeraKLinearRun run = { .op = op };
    VeraKStatus status = vera_k_linear_prepare(ctx, cuda, &run, has_bias, stream);
    cublasStatus_t product;

    if (status != VERA_K_OK)
        return status;
    vera_k_linear_fill_key(&run, epilogue);
    product = vera_k_linear_multiply(cuda, &run, stream, &is_offered);
    if (!is_offered && epilogue != CUBLASLT_EPILOGUE_DEFAULT) {
        is_finished = is_plain;
        run.bias = NULL;
        run.key.epilogue = (int32_t)CUBLASLT_EPILOGUE_DEFAULT;
        product = vera_k_linear_multiply(cuda, &run, stream, &is_offered);
    }
    if (!is_offered)
        return vera_k_cuda_linear_plain(op, stream);
    if (product != CUBLAS_STATUS_SUCCESS)
        return cuda->host->fail(ctx, VERA_K_ERR_INTERNAL, "linear: cuBLASLt error %d (%s)", (int)product, cublasLtGetStatusString(product));
    return is_finished ? VERA_K_OK : vera_k_cuda_linear_finish(op, stream);
}
