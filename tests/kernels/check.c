#include "config.h"

#include "tests/kernels/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FENCE 256
#define FENCE_BYTE 0xa5

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
vera_check_allocate(VeraKDType dtype, int n_dims, const int64_t *shape)
{
    VeraKTensor t = vera_k_tensor(dtype, NULL, n_dims, shape);
    size_t size = (size_t)vera_k_tensor_n_elements(&t) * vera_k_dtype_size(dtype);
    unsigned char *memory = aligned_alloc(64, (2 * FENCE + size + 63) / 64 * 64);

    memset(memory, FENCE_BYTE, FENCE);
    memset(memory + FENCE + size, FENCE_BYTE, FENCE);
    t.data = memory + FENCE;
    return t;
}

VeraKTensor
vera_check_new(VeraCheck *self, int n_dims, const int64_t *shape, float scale)
{
    VeraKTensor t = vera_check_allocate(VERA_K_DTYPE_F32, n_dims, shape);

    for (int64_t i = 0; i < vera_k_tensor_n_elements(&t); i++)
        ((float *)t.data)[i] = vera_check_value(self) * scale;
    return t;
}

VeraKTensor
vera_check_new_output(VeraCheck *self, int n_dims, const int64_t *shape)
{
    VeraKTensor t = vera_check_allocate(VERA_K_DTYPE_F32, n_dims, shape);

    for (int64_t i = 0; i < vera_k_tensor_n_elements(&t); i++)
        ((float *)t.data)[i] = NAN;
    return t;
}

VeraKTensor
vera_check_as(VeraCheck *self, const VeraKTensor *tensor, VeraKDType dtype)
{
    VeraKTensor t = vera_check_allocate(dtype, tensor->n_dims, tensor->shape);

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
    free((unsigned char *)tensor->data - FENCE);
    tensor->data = NULL;
}

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
            is_same_kind = difference <= bound.relative * fabs(w[i]) + bound.floor * rms;
        }
        if (!is_same_kind) {
            printf("  %s %s: element %lld is %.9g, expected %.9g\n", self->op, self->label, (long long)i,
                   g[i], w[i]);
            return false;
        }
    }
    if (square > 0 && error / square > bound.nmse) {
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
    if (!ok)
        printf("FAILED %s %s\n", self->op, self->label);
}
