#include "config.h"

#include "tests/kernels/check.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/kernels/op-tensors.h"

#define FENCE 256
#define FENCE_BYTE 0xa5

struct VeraCheckMemory {
    VeraCheckMemory *next;
    unsigned char *bytes; /* fence, tensor, fence */
    size_t size;
};

static uint64_t
vera_check_next(VeraCheck *self)
{
    uint64_t z = (self->seed += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

float
vera_check_value(VeraCheck *self)
{
    return (float)(vera_check_next(self) >> 40) / 8388608.0f - 1.0f;
}

int64_t
vera_check_integer(VeraCheck *self, int64_t low, int64_t high)
{
    return low + (int64_t)(vera_check_next(self) % (uint64_t)(high - low + 1));
}

static VeraKTensor
vera_check_allocate(VeraCheck *self, VeraKDType dtype, int n_dims, const int64_t *shape)
{
    VeraKTensor t = vera_k_tensor(dtype, NULL, n_dims, shape);
    size_t size = (size_t)vera_k_tensor_n_elements(&t) * vera_k_dtype_size(dtype);
    VeraCheckMemory *memory = malloc(sizeof *memory);

    *memory = (VeraCheckMemory){ .next = self->memories, .size = 2 * FENCE + size };
    memory->bytes = aligned_alloc(FENCE, (2 * FENCE + size + FENCE - 1) / FENCE * FENCE);
    self->memories = memory;
    memset(memory->bytes, FENCE_BYTE, FENCE);
    memset(memory->bytes + FENCE + size, FENCE_BYTE, FENCE);
    t.data = memory->bytes + FENCE;
    return t;
}

VeraKTensor
vera_check_new(VeraCheck *self, int n_dims, const int64_t *shape, float scale)
{
    VeraKTensor t = vera_check_allocate(self, VERA_K_DTYPE_F32, n_dims, shape);

    for (int64_t i = 0; i < vera_k_tensor_n_elements(&t); i++)
        ((float *)t.data)[i] = vera_check_value(self) * scale;
    return t;
}

VeraKTensor
vera_check_new_output(VeraCheck *self, int n_dims, const int64_t *shape)
{
    VeraKTensor t = vera_check_allocate(self, VERA_K_DTYPE_F32, n_dims, shape);

    for (int64_t i = 0; i < vera_k_tensor_n_elements(&t); i++)
        ((float *)t.data)[i] = NAN;
    return t;
}

VeraKTensor
vera_check_as(VeraCheck *self, const VeraKTensor *tensor, VeraKDType dtype)
{
    VeraKTensor t = vera_check_allocate(self, dtype, tensor->n_dims, tensor->shape);

    for (int64_t i = 0; i < vera_k_tensor_n_elements(&t); i++) {
        float v = ((const float *)tensor->data)[i];
        if (dtype == VERA_K_DTYPE_F32)
            ((float *)t.data)[i] = v;
        else if (dtype == VERA_K_DTYPE_BF16)
            ((uint16_t *)t.data)[i] = vera_k_f32_to_bf16(v);
        else if (dtype == VERA_K_DTYPE_F16)
            ((uint16_t *)t.data)[i] = vera_k_f32_to_f16(v);
        else /* every byte is some E4M3 value; 0x7f and 0xff are NaN */
            ((uint8_t *)t.data)[i] = (uint8_t)vera_check_integer(self, 0, 0x5f);
    }
    return t;
}

bool
vera_check_fences_hold(const VeraKTensor *tensor)
{
    size_t size = (size_t)vera_k_tensor_n_elements(tensor) * vera_k_dtype_size(tensor->dtype);
    const unsigned char *data = tensor->data;

    for (int i = 0; i < FENCE; i++)
        if (data[-1 - i] != FENCE_BYTE || data[size + (size_t)i] != FENCE_BYTE)
            return false;
    return true;
}

void
vera_check_free(VeraCheck *self, VeraKTensor *tensor)
{
    if (tensor->data == NULL)
        return;
    if (!vera_check_fences_hold(tensor)) {
        printf("  %s %s: wrote outside its tensor\n", self->op, self->label);
        self->n_failed++;
    }
    for (VeraCheckMemory **at = &self->memories; *at != NULL; at = &(*at)->next) {
        VeraCheckMemory *memory = *at;
        if (memory->bytes + FENCE != tensor->data)
            continue;
        *at = memory->next;
        free(memory->bytes);
        free(memory);
        break;
    }
    tensor->data = NULL;
}

#define CHECK_MAX_OP_BYTES 1024

struct VeraCheckBinding {
    VeraKCtx *ctx;
    VeraKOpId id;
    int n_twins;
    struct {
        VeraCheckMemory *memory;
        VeraKBuffer *buffer;
    } twin[OP_TENSORS_MAX];
    _Alignas(max_align_t) char op[CHECK_MAX_OP_BYTES];
};

static VeraCheckMemory *
vera_check_find_memory(VeraCheck *self, const void *data)
{
    VeraCheckMemory *memory = self->memories;

    while (memory != NULL && !((const unsigned char *)data >= memory->bytes && (const unsigned char *)data < memory->bytes + memory->size))
        memory = memory->next;
    return memory;
}

/* The place of the copy of @memory; tensors that share memory share a copy. */
static unsigned char *
vera_check_get_twin(VeraCheckBinding *binding, VeraCheckMemory *memory)
{
    int n = binding->n_twins;

    for (int i = 0; i < n; i++)
        if (binding->twin[i].memory == memory)
            return vera_k_buffer_get_data(binding->twin[i].buffer);
    if (vera_k_buffer_new(vera_k_ctx_get_device(binding->ctx), memory->size, &binding->twin[n].buffer) != VERA_K_OK)
        return NULL;
    binding->twin[n].memory = memory;
    binding->n_twins++;
    if (vera_k_copy_async(vera_k_ctx_get_stream(binding->ctx), vera_k_buffer_get_data(binding->twin[n].buffer), memory->bytes,
                          memory->size) != VERA_K_OK)
        return NULL;
    return vera_k_buffer_get_data(binding->twin[n].buffer);
}

VeraCheckBinding *
vera_check_bind(VeraCheck *self, VeraKCtx *ctx, VeraKOpId id, const void *op)
{
    VeraCheckBinding *binding = calloc(1, sizeof *binding);
    OpTensors tensors;

    binding->ctx = ctx;
    binding->id = id;
    memcpy(binding->op, op, op_tensors_get_size(id));
    tensors = op_tensors_list(id, binding->op);
    for (int i = 0; i < tensors.n && !vera_k_device_is_host(vera_k_ctx_get_device(ctx)); i++) {
        VeraCheckMemory *memory = vera_check_find_memory(self, tensors.tensor[i]->data);
        unsigned char *twin = memory != NULL ? vera_check_get_twin(binding, memory) : NULL;
        if (twin == NULL) {
            printf("  %s %s: %s cannot be copied to the device\n", self->op, self->label, tensors.name[i]);
            vera_check_unbind(binding);
            return NULL;
        }
        tensors.tensor[i]->data = twin + ((unsigned char *)tensors.tensor[i]->data - memory->bytes);
    }
    return binding;
}

VeraKStatus
vera_check_call(VeraCheckBinding *binding)
{
    return op_tensors_call(binding->id, binding->ctx, binding->op);
}

VeraKStatus
vera_check_unbind(VeraCheckBinding *binding)
{
    VeraKStatus status = VERA_K_OK;

    if (binding == NULL)
        return VERA_K_OK;
    for (int i = 0; i < binding->n_twins && status == VERA_K_OK; i++)
        status = vera_k_copy_async(vera_k_ctx_get_stream(binding->ctx), binding->twin[i].memory->bytes,
                                   vera_k_buffer_get_data(binding->twin[i].buffer), binding->twin[i].memory->size);
    if (status == VERA_K_OK)
        status = vera_k_stream_synchronize(vera_k_ctx_get_stream(binding->ctx));
    for (int i = 0; i < binding->n_twins; i++)
        vera_k_buffer_free(&binding->twin[i].buffer);
    free(binding);
    return status;
}

VeraKStatus
vera_check_run(VeraCheck *self, VeraKOpId id, const void *op)
{
    VeraCheckBinding *binding = vera_check_bind(self, self->tested, id, op);
    VeraKStatus status = binding != NULL ? vera_check_call(binding) : VERA_K_ERR_OUT_OF_MEMORY;
    VeraKStatus after = vera_check_unbind(binding);

    return status != VERA_K_OK ? status : after;
}

/* Where all of a result is next to nothing there is no mean to measure a difference by: a GELU far on the negative side may end in zero
 * or in the last numbers before it. */
#define VERA_CHECK_NOTHING 1e-30

bool
vera_check_compare(VeraCheck *self, const VeraKTensor *got, const VeraKTensor *want, VeraCheckBound bound)
{
    int64_t n = vera_k_tensor_n_elements(want);
    const float *g = got->data, *w = want->data;
    double square = 0, error = 0, rms;

    for (int64_t i = 0; i < n; i++)
        square += isfinite(w[i]) ? (double)w[i] * w[i] : 0;
    rms = sqrt(square / (double)n);
    for (int64_t i = 0; i < n; i++) {
        bool is_same_kind = isnan(w[i]) ? isnan(g[i]) : isinf(w[i]) ? g[i] == w[i] : isfinite(g[i]);
        double difference = fabs((double)g[i] - w[i]);
        if (is_same_kind && isfinite(w[i])) {
            error += difference * difference;
            is_same_kind = difference <= bound.relative * fabs(w[i]) + bound.floor * rms + VERA_CHECK_NOTHING;
        }
        if (!is_same_kind) {
            printf("  %s %s: element %lld is %.9g, expected %.9g\n", self->op, self->label, (long long)i,
                   g[i], w[i]);
            return false;
        }
    }
    if (square > VERA_CHECK_NOTHING && error / square > bound.nmse) {
        printf("  %s %s: normalised square error %.3g is over %.3g\n", self->op, self->label,
               error / square, bound.nmse);
        return false;
    }
    return true;
}

void
vera_check_case(VeraCheck *self, bool ok)
{
    self->n_cases++;
    self->n_failed += !ok;
    if (self->is_json)
        printf("{\"op\":\"%s\",\"case\":\"%s\",\"ok\":%s}\n", self->op, self->label, ok ? "true" : "false");
    else if (!ok)
        printf("FAILED %s %s\n", self->op, self->label);
}
