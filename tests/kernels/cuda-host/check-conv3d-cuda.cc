#include <cstdio>
#include <cstdlib>
#include <initializer_list>

#include "kernels/cuda/conv3d.cu"

extern "C" {
#include "tests/kernels/check.h"
}

/*
 * The GPU's convolutions against the reference: tensors, weights and workspace between pages that may not be touched, every case twice
 * with the threads in another order, and, in bf16, once more with x and cache in bf16, which must give the same bytes.
 */

/* F32 sums of up to 10,368 products in a fixed order against sums in double, as in check-products.c. */
static const VeraCheckBound bound_f32 = {2e-6, 2e-5, 1e-10};
/* Operands are rounded alike on both sides; what is left is the order of F32 sums. */
static const VeraCheckBound bound_bf16 = {1e-4, 1e-3, 1e-8};

typedef struct {
    int64_t t, h, w, n_in, n_out, kernel_t, kernel;
    int64_t n_cached;
    int stride, stride_t, upsample;
} Shape;

/* A tensor in memory of its own; data NULL stays NULL. */
typedef struct {
    VeraKTensor view;
    size_t size;
} Placed;

static Placed
place(const VeraKTensor *dense, VeraKDType dtype)
{
    Placed placed = {*dense, (size_t)vera_k_tensor_n_elements(dense) * vera_k_dtype_size(dtype)};

    if (dense->data == NULL)
        return placed;
    placed.view.dtype = dtype;
    placed.view.data = vera_cuda_host_alloc(placed.size);
    if (dtype == dense->dtype)
        memcpy(placed.view.data, dense->data, placed.size);
    for (int64_t i = 0; dtype != dense->dtype && i < vera_k_tensor_n_elements(dense); i++)
        ((uint16_t *)placed.view.data)[i] = vera_k_f32_to_bf16(((const float *)dense->data)[i]);
    return placed;
}

static void
remove(Placed *placed)
{
    vera_cuda_host_free(placed->view.data, placed->size);
}

/* The operator with its tensors placed, x and cache as @dtype, into @got. */
static bool
run(const VeraKConv3d *op, VeraKDType dtype, VeraCudaHostOrder order, VeraKTensor *got)
{
    Placed x = place(&op->x, dtype), weight = place(&op->weight, op->weight.dtype), y = place(got, VERA_K_DTYPE_F32);
    Placed cache = place(&op->cache, dtype), bias = place(&op->bias, op->bias.dtype), residual = place(&op->residual, VERA_K_DTYPE_F32);
    VeraKConv3d placed = *op;
    VeraKStatus status;

    placed.x = x.view, placed.cache = cache.view, placed.weight = weight.view, placed.bias = bias.view, placed.residual = residual.view;
    placed.y = y.view;
    memset(y.view.data, 0xff, y.size);
    size_t packed_size = vera_k_cuda_conv3d_packed_size(&placed), workspace_size = vera_k_cuda_conv3d_workspace(&placed);
    void *packed = vera_cuda_host_alloc(packed_size), *workspace = vera_cuda_host_alloc(workspace_size);
    vera_cuda_host_set_order(order);
    status = vera_k_cuda_conv3d_pack(&placed, packed, NULL);
    if (status == VERA_K_OK)
        status = vera_k_cuda_conv3d(&placed, packed, workspace, NULL);
    if (status != VERA_K_OK)
        printf("  %s\n", vera_cuda_host_message());
    memcpy(got->data, y.view.data, y.size);
    vera_cuda_host_free(packed, packed_size);
    vera_cuda_host_free(workspace, workspace_size);
    for (Placed *each : {&x, &weight, &y, &cache, &bias, &residual})
        remove(each);
    return status == VERA_K_OK;
}

static VeraKConv3d
make_op(const Shape &s, VeraKCompute compute)
{
    VeraKConv3d op = {};
    int pad = (int)s.kernel / 2;

    op.stride_t = s.stride_t;
    op.stride_h = op.stride_w = s.stride;
    op.pad_t = s.stride_t > 1 ? 0 : (int)(s.kernel_t - 1 - s.n_cached);
    op.pad_h_before = op.pad_w_before = s.stride > 1 ? 0 : pad; /* asymmetric where it halves, as in the VAE */
    op.pad_h_after = op.pad_w_after = s.stride > 1 ? 1 : pad;
    op.upsample = s.upsample;
    op.compute = compute;
    return op;
}

static bool
is_same(const VeraKTensor *a, const VeraKTensor *b, const char *what)
{
    bool ok = memcmp(a->data, b->data, (size_t)vera_k_tensor_n_elements(a) * 4) == 0;

    if (!ok)
        printf("  %s\n", what);
    return ok;
}

static void
check_case(VeraCheck *self, const Shape &s, VeraKDType dtype, VeraKCompute compute, float scale)
{
    VeraKConv3d op = make_op(s, compute);
    const int64_t x_shape[] = {s.t, s.h, s.w, s.n_in}, cache_shape[] = {s.n_cached > 0 ? s.n_cached : 1, s.h, s.w, s.n_in};
    const int64_t weight_shape[] = {s.n_out, s.n_in, s.kernel_t, s.kernel, s.kernel};
    const int64_t y_shape[] = {(s.n_cached + op.pad_t + s.t - s.kernel_t) / s.stride_t + 1,
                               (op.pad_h_before + op.pad_h_after + s.h * s.upsample - s.kernel) / s.stride + 1,
                               (op.pad_w_before + op.pad_w_after + s.w * s.upsample - s.kernel) / s.stride + 1, s.n_out};
    VeraKTensor x = vera_check_new(self, 4, x_shape, scale), cache = vera_check_new(self, 4, cache_shape, scale);
    VeraKTensor w32 = vera_check_new(self, 5, weight_shape, 0.2f), weight = vera_check_as(self, &w32, dtype);
    VeraKTensor bias = vera_check_new(self, 1, &s.n_out, scale), residual = vera_check_new(self, 4, y_shape, scale);
    VeraKTensor want = vera_check_new_output(self, 4, y_shape), got = vera_check_new_output(self, 4, y_shape);
    VeraKTensor again = vera_check_new_output(self, 4, y_shape);
    bool ok;

    snprintf(self->label, sizeof self->label, "t=%lld+%lld %lldx%lld %lld->%lld k=%lldx%lld stride=%d,%d up=%d %s %s scale=%g",
             (long long)s.n_cached, (long long)s.t, (long long)s.h, (long long)s.w, (long long)s.n_in, (long long)s.n_out,
             (long long)s.kernel_t, (long long)s.kernel, s.stride_t, s.stride, s.upsample, vera_k_dtype_name(dtype), compute ? "bf16" : "f32", scale);
    op.x = x, op.weight = weight, op.y = want;
    if (s.n_cached > 0)
        op.cache = cache;
    if (s.n_in % 5 != 0)
        op.bias = bias;
    if (self->n_cases % 3 != 0)
        op.residual = residual;
    ok = vera_k_conv3d(self->reference, &op) == VERA_K_OK && run(&op, VERA_K_DTYPE_F32, VERA_CUDA_HOST_SHUFFLED, &got) &&
         run(&op, VERA_K_DTYPE_F32, self->n_cases % 2 ? VERA_CUDA_HOST_BACKWARD : VERA_CUDA_HOST_FORWARD, &again) &&
         is_same(&got, &again, "not the same bytes twice");
    if (ok && compute == VERA_K_COMPUTE_BF16)
        ok = run(&op, VERA_K_DTYPE_BF16, VERA_CUDA_HOST_FORWARD, &again) && is_same(&got, &again, "x in bf16 gives other bytes");
    ok = ok && vera_check_compare(self, &got, &want, compute == VERA_K_COMPUTE_BF16 ? bound_bf16 : bound_f32);
    vera_check_case(self, ok);
    for (VeraKTensor *each : {&x, &cache, &w32, &weight, &bias, &residual, &want, &got, &again})
        vera_check_free(self, each);
}

/* Channels of the bundled model's VAE and of Wan2.1's, odd ones, one past a tile; taps that cross the ends of steps. */
static void
check_shapes(VeraCheck *self)
{
    static const Shape shapes[] = {
        {1, 4, 4, 1, 1, 3, 3, 0, 1, 1, 1},    {4, 9, 7, 3, 16, 3, 3, 2, 1, 1, 1},  {2, 7, 9, 16, 33, 3, 3, 2, 1, 1, 1},
        {1, 10, 12, 48, 48, 3, 3, 1, 1, 1, 1}, {2, 7, 9, 96, 3, 3, 3, 2, 1, 1, 1},  {3, 6, 5, 24, 65, 1, 1, 0, 1, 1, 1},
        {4, 6, 6, 20, 20, 3, 1, 1, 1, 2, 1},  {2, 6, 10, 32, 64, 3, 1, 2, 1, 1, 1}, {2, 11, 13, 17, 17, 1, 3, 0, 2, 1, 1},
        {2, 8, 12, 32, 32, 1, 3, 0, 2, 1, 1}, {1, 3, 131, 6, 40, 3, 3, 1, 1, 1, 1}, {2, 6, 7, 32, 16, 1, 3, 0, 1, 1, 2},
        {1, 5, 3, 8, 5, 1, 3, 0, 1, 1, 2},    {1, 4, 5, 96, 192, 3, 3, 2, 1, 1, 1}, {1, 2, 3, 384, 97, 3, 3, 2, 1, 1, 1},
        {2, 4, 3, 192, 96, 1, 3, 0, 1, 1, 2}, {1, 5, 6, 384, 384, 1, 1, 0, 1, 1, 1}, {1, 1, 1, 5, 2, 3, 3, 2, 1, 1, 1}};
    static const VeraKDType dtypes[] = {VERA_K_DTYPE_F32, VERA_K_DTYPE_BF16, VERA_K_DTYPE_F16, VERA_K_DTYPE_F8_E4M3};
    static const float scales[] = {1, 30, 1e-3f};

    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int kind = 0; kind < 4; kind++)
            check_case(self, shapes[i], dtypes[(i + (size_t)kind / 2) % 4], kind % 2 ? VERA_K_COMPUTE_BF16 : VERA_K_COMPUTE_F32, scales[(i + (size_t)kind) % 3]);
}

/* What is read where it lies needs no workspace. */
static void
check_workspace(VeraCheck *self)
{
    const int64_t shape[] = {2, 3, 5, 16}, weight[] = {8, 16, 3, 3, 3};

    for (int kind = 0; kind < 4; kind++) {
        VeraKDType dtype = kind % 2 ? VERA_K_DTYPE_BF16 : VERA_K_DTYPE_F32;
        VeraKConv3d op = {};
        size_t want = kind == 2 ? 1024 : kind == 3 ? 2 * 1024 : 0;
        op.compute = kind > 0 ? VERA_K_COMPUTE_BF16 : VERA_K_COMPUTE_F32;
        op.x = vera_k_tensor(dtype, (void *)(uintptr_t)(kind == 3 ? 264 : 256), 4, shape);
        op.cache = kind == 2 ? VeraKTensor{} : vera_k_tensor(dtype, (void *)(uintptr_t)(kind == 3 ? 520 : 512), 4, shape);
        op.weight = vera_k_tensor(VERA_K_DTYPE_F32, (void *)256, 5, weight);
        snprintf(self->label, sizeof self->label, "workspace %d", kind);
        vera_check_case(self, vera_k_cuda_conv3d_workspace(&op) == want);
    }
}

int
main(int argc, char **argv)
{
    VeraKDevice *device = NULL;
    VeraCheck check = {};
    char message[256];

    check.seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    setenv("VERA_KERNELS", "ref", 1);
    if (vera_k_device_open("cpu", &device, message, sizeof message) != VERA_K_OK || vera_k_ctx_new(device, 2, &check.reference) != VERA_K_OK)
        return 1;
    check.op = "conv3d";
    check_shapes(&check);
    check_workspace(&check);
    printf("seed %s: %d cases, %d failed\n", argc > 1 ? argv[1] : "1", check.n_cases, check.n_failed);
    vera_k_ctx_free(&check.reference);
    vera_k_device_close(&device);
    return check.n_failed != 0;
}
