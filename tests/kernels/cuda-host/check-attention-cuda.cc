#include <cstdio>
#include <cstdlib>

#include "kernels/cuda/attention.cu"

extern "C" {
#include "tests/kernels/check.h"
}

/*
 * The GPU's attention against the reference: tensors between pages that may not be touched, with NaN between their rows, every case
 * twice with the threads in another order. Bounds are those of the CPU's versions in check-products.c.
 */

static const VeraCheckBound bound_f32 = {1e-5, 3e-5, 1e-10};
static const VeraCheckBound bound_bf16 = {2e-3, 8e-3, 5e-6};
/* An output rounded to bf16 is off by up to 2^-9 of itself besides. */
static const VeraCheckBound bound_bf16_output = {6e-3, 8e-3, 1e-5};

typedef struct {
    int64_t n_queries, n_keys, n_heads, width;
    int sm;
    VeraKCompute compute;
    bool is_bf16; /* tensors, not only products */
    bool has_bias, has_key_bias, is_head_major;
    float scale; /* of the values of q and k */
    float factor; /* of scores, times 1 / sqrt(width) */
    int64_t padding; /* with has_key_bias: the only key that has one; 0 for masks */
    bool avoids_wgmma;
} Case;

/* [L, H, D] in memory of its own, with @gap elements after every row of D. */
typedef struct {
    VeraKTensor view;
    size_t size;
} Placed;

static Placed
place(const VeraKTensor *dense, VeraKDType dtype, bool is_head_major, int64_t gap)
{
    int64_t l = dense->shape[0], h = dense->shape[1], d = dense->shape[2], pitch = d + gap;
    Placed placed = {vera_k_tensor(dtype, NULL, 3, dense->shape), (size_t)(l * h * pitch) * vera_k_dtype_size(dtype)};

    placed.view.stride[0] = is_head_major ? pitch : h * pitch;
    placed.view.stride[1] = is_head_major ? l * pitch : pitch;
    placed.view.data = vera_cuda_host_alloc(placed.size);
    return placed;
}

static void
move(const Placed *placed, VeraKTensor *dense, bool is_upload)
{
    int64_t h = dense->shape[1], d = dense->shape[2];

    for (int64_t i = 0; i < vera_k_tensor_n_elements(dense); i++) {
        int64_t at = i / d / h * placed->view.stride[0] + i / d % h * placed->view.stride[1] + i % d;
        float *x = (float *)dense->data + i;
        if (placed->view.dtype == VERA_K_DTYPE_F32 && is_upload)
            ((float *)placed->view.data)[at] = *x;
        else if (placed->view.dtype == VERA_K_DTYPE_F32)
            *x = ((float *)placed->view.data)[at];
        else if (is_upload)
            ((uint16_t *)placed->view.data)[at] = vera_k_f32_to_bf16(*x);
        else
            *x = vera_k_bf16_to_f32(((uint16_t *)placed->view.data)[at]);
    }
}

/* Everything between the rows is as it was. */
static bool
is_gap_whole(const Placed *placed)
{
    const VeraKTensor *t = &placed->view;
    size_t size = vera_k_dtype_size(t->dtype), width = (size_t)t->shape[2];
    size_t pitch = (size_t)(t->stride[0] < t->stride[1] ? t->stride[0] : t->stride[1]);
    const unsigned char *data = (const unsigned char *)t->data;

    for (size_t i = 0; i < placed->size; i++)
        if (i / size % pitch >= width && data[i] != 0xff)
            return false;
    return true;
}

static bool
run_once(const Case *c, const VeraKAttention *op, Placed *o, VeraCudaHostOrder order, VeraKTensor *got)
{
    VeraKCudaAttentionDevice device = {c->sm, c->avoids_wgmma};
    size_t size = vera_k_cuda_attention_workspace(&device, op);
    void *workspace = vera_cuda_host_alloc(size);
    VeraKStatus status;

    memset(o->view.data, 0xff, o->size);
    vera_cuda_host_set_order(order);
    status = vera_k_cuda_attention(&device, op, workspace, NULL);
    vera_cuda_host_free(workspace, size);
    if (status != VERA_K_OK)
        printf("  %s\n", vera_cuda_host_message());
    else if (!is_gap_whole(o))
        printf("  wrote between the rows of its output\n");
    move(o, got, false);
    return status == VERA_K_OK && is_gap_whole(o);
}

/* With operands rounded beforehand, which is the same and takes the reference a fraction of the time. */
static bool
run_reference(VeraCheck *self, const VeraKAttention *op, VeraKTensor *dense)
{
    VeraKAttention plain = *op;

    for (int i = 0; i < 3 && op->compute == VERA_K_COMPUTE_BF16; i++)
        for (int64_t j = 0; j < vera_k_tensor_n_elements(&dense[i]); j++)
            ((float *)dense[i].data)[j] = vera_k_bf16_to_f32(vera_k_f32_to_bf16(((float *)dense[i].data)[j]));
    plain.compute = VERA_K_COMPUTE_F32;
    plain.q = dense[0], plain.k = dense[1], plain.v = dense[2], plain.o = dense[5];
    return vera_k_attention(self->reference, &plain) == VERA_K_OK;
}

static void
check_case(VeraCheck *self, Case c)
{
    const int64_t q_shape[] = {c.n_queries, c.n_heads, c.width}, k_shape[] = {c.n_keys, c.n_heads, c.width};
    const int64_t bias_shape[] = {c.n_heads, c.n_queries, c.n_keys};
    VeraKTensor dense[7] = {vera_check_new(self, 3, q_shape, c.scale),    vera_check_new(self, 3, k_shape, c.scale),
                            vera_check_new(self, 3, k_shape, 1),          vera_check_new(self, 3, bias_shape, 3),
                            vera_check_new(self, 1, &c.n_keys, 3),        vera_check_new_output(self, 3, q_shape),
                            vera_check_new_output(self, 3, q_shape)};
    VeraKTensor first = vera_check_new_output(self, 3, q_shape);
    VeraKDType dtype = c.is_bf16 ? VERA_K_DTYPE_BF16 : VERA_K_DTYPE_F32;
    VeraKAttention op = {};
    Placed placed[4];
    bool ok;

    snprintf(self->label, sizeof self->label, "lq=%lld lk=%lld h=%lld d=%lld sm=%d %s%s%s%s%s scale=%g factor=%g", (long long)c.n_queries,
             (long long)c.n_keys, (long long)c.n_heads, (long long)c.width, c.sm, c.compute ? "bf16" : "f32", c.is_bf16 ? " tensors" : "",
             c.has_bias ? " bias" : "", c.has_key_bias ? " key_bias" : "", c.is_head_major ? " head-major" : "", c.scale, c.factor);
    for (int64_t j = 0; j < c.n_keys && c.padding > 0; j++) /* one key for a number of like ones */
        ((float *)dense[4].data)[j] = j == c.padding ? logf(400) : 0;
    for (int64_t j = 0; j < c.n_keys && c.padding == 0; j++) /* a masked tile first, then a mask here and there; never all */
        if ((c.n_keys > 70 && j < 67) || (j % 5 == 1 && j > 1))
            ((float *)dense[4].data)[j] = -INFINITY;
    op.scale = c.factor / sqrtf((float)c.width);
    op.compute = c.compute;
    op.bias = c.has_bias ? dense[3] : VeraKTensor{};
    op.key_bias = c.has_key_bias ? dense[4] : VeraKTensor{};
    for (int i = 0; i < 4; i++) {
        VeraKTensor *t = &dense[i < 3 ? i : 6];
        placed[i] = place(t, dtype, c.is_head_major, i == 1 ? 0 : c.is_bf16 && c.width % 8 == 0 ? 8 * i : i + 1);
        if (i < 3)
            move(&placed[i], t, true);
    }
    ok = run_reference(self, &op, dense);
    op.q = placed[0].view, op.k = placed[1].view, op.v = placed[2].view, op.o = placed[3].view;
    ok = ok && run_once(&c, &op, &placed[3], VERA_CUDA_HOST_SHUFFLED, &first) &&
         run_once(&c, &op, &placed[3], self->n_cases % 2 ? VERA_CUDA_HOST_BACKWARD : VERA_CUDA_HOST_FORWARD, &dense[6]);
    if (ok && memcmp(first.data, dense[6].data, (size_t)vera_k_tensor_n_elements(&first) * 4) != 0) {
        printf("  not the same bytes twice\n");
        ok = false;
    }
    ok = ok && vera_check_compare(self, &dense[6], &dense[5], c.is_bf16 ? bound_bf16_output : c.compute ? bound_bf16 : bound_f32);
    vera_check_case(self, ok);
    for (int i = 0; i < 7; i++)
        vera_check_free(self, &dense[i]);
    vera_check_free(self, &first);
    for (int i = 0; i < 4; i++)
        vera_cuda_host_free(placed[i].view.data, placed[i].size);
}

static void
check_f32(VeraCheck *self)
{
    static const int64_t shapes[][4] = {{1, 1, 1, 2}, {3, 5, 2, 24}, {65, 64, 1, 64}, {66, 131, 2, 48}, {20, 70, 1, 200}, {9, 130, 2, 7}};

    for (int i = 0; i < 6; i++)
        for (int kind = 0; kind < 4; kind++)
            check_case(self, {shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3], 90, kind == 3 ? VERA_K_COMPUTE_BF16 : VERA_K_COMPUTE_F32,
                              false, kind == 1, kind == 2, i % 2 == 1, 1.5f, kind == 0 && i == 1 ? -1.0f : 1.0f});
}

static void
check_mma(VeraCheck *self)
{
    static const int64_t shapes[][4] = {{1, 1, 1, 32},    {3, 5, 2, 24},    {130, 129, 1, 64}, {37, 200, 1, 128}, {129, 150, 2, 48},
                                        {97, 130, 1, 96}, {128, 64, 1, 128}, {5, 33, 1, 128},   {64, 128, 2, 7},   {200, 77, 1, 72}};
    static const int sms[] = {80, 86, 90, 120};

    for (int i = 0; i < 10; i++)
        for (int kind = 0; kind < 4; kind++)
            check_case(self, {shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3], sms[(i + kind) % 4], VERA_K_COMPUTE_BF16, kind == 3,
                              kind == 1, kind == 2, (i + kind) % 3 == 1, kind == 0 ? 4 : 1.5f, kind == 0 && i == 2 ? -1.0f : 1.0f, 0, true});
}

/* Whole and partial tiles of 176 and of 128 keys, more of them than rings have places, rows and heads apart in memory, narrower heads. */
static void
check_wgmma(VeraCheck *self)
{
    static const int64_t shapes[][4] = {{128, 176, 1, 128}, {1, 1, 1, 128},   {130, 177, 2, 128}, {70, 900, 1, 128}, {65, 352, 1, 100},
                                        {128, 128, 1, 64},  {200, 129, 2, 64}, {3, 800, 1, 64},    {64, 70, 3, 40},   {129, 1100, 1, 128}};

    for (int i = 0; i < 10; i++)
        for (int kind = 0; kind < 2; kind++)
            check_case(self, {shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3], 90, VERA_K_COMPUTE_BF16, kind == 1, false, false,
                              (i + kind) % 3 == 1, kind == 0 ? 4 : 1.5f, 1.0f});
}

/* The table: wgmma on 9.0 where it has a kernel, and nowhere else. */
static void
check_variants(VeraCheck *self)
{
    static const struct {
        int sm;
        int64_t width;
        bool avoids_wgmma, has_key_bias;
        VeraKCompute compute;
        const char *want;
        int n_registers = 168;
    } cases[] = {{90, 128, false, false, VERA_K_COMPUTE_BF16, "mma", 4},  {90, 128, false, false, VERA_K_COMPUTE_BF16, "wgmma"}, {90, 33, false, false, VERA_K_COMPUTE_BF16, "wgmma"},
                 {90, 96, false, false, VERA_K_COMPUTE_BF16, "mma"},    {90, 128, true, false, VERA_K_COMPUTE_BF16, "mma"},
                 {90, 128, false, true, VERA_K_COMPUTE_BF16, "mma"},    {100, 128, false, false, VERA_K_COMPUTE_BF16, "mma"},
                 {80, 128, false, false, VERA_K_COMPUTE_BF16, "mma"},   {90, 128, false, false, VERA_K_COMPUTE_F32, "f32"},
                 {90, 129, false, false, VERA_K_COMPUTE_BF16, "f32"}};

    for (const auto &c : cases) {
        const int64_t shape[] = {50, 3, c.width}, n = 50;
        VeraKCudaAttentionDevice device = {c.sm, c.avoids_wgmma};
        VeraKAttention op = {};
        op.q = op.k = op.v = op.o = vera_k_tensor(VERA_K_DTYPE_F32, (void *)256, 3, shape);
        op.scale = 1;
        op.compute = c.compute;
        if (c.has_key_bias)
            op.key_bias = vera_k_tensor(VERA_K_DTYPE_F32, (void *)256, 1, &n);
        snprintf(self->label, sizeof self->label, "variant sm=%d d=%lld, %d registers", c.sm, (long long)c.width, c.n_registers);
        vera_cuda_host_set_registers_of_kernels(c.n_registers);
        vera_check_case(self, strcmp(vera_k_cuda_attention_variant(&device, &op), c.want) == 0);
    }
}

/* Keys of a prompt, and one more in place of all of the padding, in any part of a tile. */
static void
check_padding(VeraCheck *self)
{
    static const int64_t shapes[][5] = {{130, 77, 2, 128, 76}, {65, 200, 1, 64, 100}, {33, 130, 1, 96, 34}, {40, 66, 2, 128, 65}, {9, 64, 1, 32, 63}};

    for (int i = 0; i < 5; i++)
        for (int kind = 0; kind < 3; kind++)
            check_case(self, {shapes[i][0], shapes[i][1], shapes[i][2], shapes[i][3], i % 2 ? 86 : 90, VERA_K_COMPUTE_BF16, kind == 1, false, true,
                              false, 1.5f, kind == 2 ? 1e-38f : 1.0f, shapes[i][4]});
}

/* Tensors of bf16 are read where they lie, parts of wider rows too; anything else is copied once, to bf16. */
static void
check_workspace(VeraCheck *self)
{
    const int64_t shape[] = {50, 3, 128}, short_shape[] = {20, 3, 128};
    VeraKCudaAttentionDevice device = {80};

    for (int kind = 0; kind < 3; kind++) {
        VeraKDType dtype = kind == 1 ? VERA_K_DTYPE_F32 : VERA_K_DTYPE_BF16;
        VeraKAttention op = {};
        size_t want = kind == 0 ? 0 : kind == 1 ? 90 * 3 * 128 * 2 : 50 * 3 * 128 * 2;
        op.compute = VERA_K_COMPUTE_BF16;
        op.q = op.o = vera_k_tensor(dtype, (void *)256, 3, shape);
        op.k = op.v = vera_k_tensor(dtype, (void *)512, 3, short_shape);
        op.k.stride[0] = op.v.stride[0] = 2 * 3 * 128;
        op.q.stride[0] += kind == 2 ? 4 : 0; /* rows that are not aligned */
        snprintf(self->label, sizeof self->label, "workspace %d", kind);
        vera_check_case(self, vera_k_cuda_attention_workspace(&device, &op) == want);
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
    check.op = "attention";
    check_f32(&check);
    check_mma(&check);
    check_wgmma(&check);
    check_variants(&check);
    check_padding(&check);
    check_workspace(&check);
    printf("seed %s: %d cases, %d failed\n", argc > 1 ? argv[1] : "1", check.n_cases, check.n_failed);
    vera_k_ctx_free(&check.reference);
    vera_k_device_close(&device);
    return check.n_failed != 0;
}
