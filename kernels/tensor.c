#include "config.h"

#include <math.h>
#include <string.h>

#include "kernels/vera-k-private.h"

size_t
vera_k_dtype_size(VeraKDType dtype)
{
    switch (dtype) {
    case VERA_K_DTYPE_F32:
        return 4;
    case VERA_K_DTYPE_F16:
    case VERA_K_DTYPE_BF16:
        return 2;
    case VERA_K_DTYPE_F8_E4M3:
    case VERA_K_DTYPE_U8:
        return 1;
    case VERA_K_DTYPE_I64:
        return 8;
    }
    return 0;
}

const char *
vera_k_dtype_name(VeraKDType dtype)
{
    static const char *const names[] = { "F32", "F16", "BF16", "F8_E4M3", "I64", "U8" };

    return names[dtype];
}

VeraKTensor
vera_k_tensor(VeraKDType dtype, void *data, int n_dims, const int64_t *shape)
{
    VeraKTensor tensor = { .dtype = dtype, .n_dims = n_dims, .data = data };
    int64_t stride = 1;

    for (int i = n_dims - 1; i >= 0; i--) {
        tensor.shape[i] = shape[i];
        tensor.stride[i] = stride;
        stride *= shape[i];
    }
    return tensor;
}

int64_t
vera_k_tensor_n_elements(const VeraKTensor *tensor)
{
    int64_t n = 1;

    for (int i = 0; i < tensor->n_dims; i++)
        n *= tensor->shape[i];
    return n;
}

bool
vera_k_tensor_is_contiguous(const VeraKTensor *tensor)
{
    int64_t stride = 1;

    for (int i = tensor->n_dims - 1; i >= 0; i--) {
        if (tensor->shape[i] != 1 && tensor->stride[i] != stride)
            return false;
        stride *= tensor->shape[i];
    }
    return true;
}

VeraKTensor
vera_k_tensor_slice(const VeraKTensor *tensor, int dim, int64_t start, int64_t length)
{
    VeraKTensor view = *tensor;

    view.shape[dim] = length;
    view.data = (char *)tensor->data +
                start * tensor->stride[dim] * (int64_t)vera_k_dtype_size(tensor->dtype);
    return view;
}

float
vera_k_bf16_to_f32(uint16_t value)
{
    uint32_t bits = (uint32_t)value << 16;
    float out;

    memcpy(&out, &bits, sizeof out);
    return out;
}

uint16_t
vera_k_f32_to_bf16(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return (uint16_t)((bits >> 16) | 0x40);
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

float
vera_k_f16_to_f32(uint16_t value)
{
    int exponent = (value >> 10) & 31, fraction = value & 1023;
    float magnitude;

    if (exponent == 31)
        magnitude = fraction ? NAN : INFINITY;
    else if (exponent == 0)
        magnitude = ldexpf((float)fraction, -24);
    else
        magnitude = ldexpf((float)(fraction + 1024), exponent - 25);
    return value & 0x8000 ? -magnitude : magnitude;
}

uint16_t
vera_k_f32_to_f16(float value)
{
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    float magnitude = fabsf(value);
    int exponent;
    float rounded;

    if (isnan(value))
        return sign | 0x7e00;
    if (magnitude >= 65520.0f)
        return sign | 0x7c00;
    if (magnitude < ldexpf(1, -14))
        return (uint16_t)(sign + (uint16_t)rintf(ldexpf(magnitude, 24)));
    (void)frexpf(magnitude, &exponent);
    rounded = rintf(ldexpf(magnitude, 11 - exponent));
    return (uint16_t)(sign + ((exponent + 14) << 10) + (int)rounded - 1024);
}

float
vera_k_f8_e4m3_to_f32(uint8_t value)
{
    int exponent = (value >> 3) & 15, fraction = value & 7;
    float magnitude;

    if (exponent == 15 && fraction == 7)
        magnitude = NAN;
    else if (exponent == 0)
        magnitude = ldexpf((float)fraction, -9);
    else
        magnitude = ldexpf((float)(fraction + 8), exponent - 10);
    return value & 0x80 ? -magnitude : magnitude;
}

float
vera_k_load(const void *data, VeraKDType dtype, int64_t index)
{
    switch (dtype) {
    case VERA_K_DTYPE_F32:
        return ((const float *)data)[index];
    case VERA_K_DTYPE_F16:
        return vera_k_f16_to_f32(((const uint16_t *)data)[index]);
    case VERA_K_DTYPE_BF16:
        return vera_k_bf16_to_f32(((const uint16_t *)data)[index]);
    case VERA_K_DTYPE_F8_E4M3:
        return vera_k_f8_e4m3_to_f32(((const uint8_t *)data)[index]);
    case VERA_K_DTYPE_I64:
        return (float)((const int64_t *)data)[index];
    case VERA_K_DTYPE_U8:
        return ((const uint8_t *)data)[index];
    }
    return 0;
}

/* The bit trick of vera_k_f16_to_f32() without branches, so that whole rows vectorise; NaN payloads aside the same values. */
static float
vera_k_f16_to_f32_fast(uint16_t value)
{
    uint32_t bits = ((uint32_t)value & 0x7fffu) << 13, scale = 0x77800000u, out, sign;
    float f, s;

    memcpy(&f, &bits, sizeof f);
    memcpy(&s, &scale, sizeof s);
    f *= s;
    memcpy(&out, &f, sizeof out);
    if (f >= 65536.0f)
        out |= 0x7f800000u;
    sign = ((uint32_t)value & 0x8000u) << 16;
    out |= sign;
    memcpy(&f, &out, sizeof f);
    return f;
}

void
vera_k_convert_to_f32(const void *src, VeraKDType dtype, float *dst, int64_t n)
{
    if (dtype == VERA_K_DTYPE_F32) {
        memcpy(dst, src, (size_t)n * sizeof *dst);
    } else if (dtype == VERA_K_DTYPE_BF16) {
        for (int64_t i = 0; i < n; i++)
            dst[i] = vera_k_bf16_to_f32(((const uint16_t *)src)[i]);
    } else if (dtype == VERA_K_DTYPE_F16) {
        for (int64_t i = 0; i < n; i++)
            dst[i] = vera_k_f16_to_f32_fast(((const uint16_t *)src)[i]);
    } else {
        for (int64_t i = 0; i < n; i++)
            dst[i] = vera_k_load(src, dtype, i);
    }
}

void
vera_k_to_bf16(const void *src, VeraKDType dtype, uint16_t *dst, int64_t n)
{
    if (dtype == VERA_K_DTYPE_BF16) {
        memcpy(dst, src, (size_t)n * sizeof *dst);
        return;
    }
    if (dtype == VERA_K_DTYPE_F32) {
        for (int64_t i = 0; i < n; i++)
            dst[i] = vera_k_f32_to_bf16(((const float *)src)[i]);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        dst[i] = vera_k_f32_to_bf16(vera_k_load(src, dtype, i));
}

void
vera_k_round_to_bf16(const void *src, VeraKDType dtype, float *dst, int64_t n)
{
    vera_k_convert_to_f32(src, dtype, dst, n);
    for (int64_t i = 0; dtype != VERA_K_DTYPE_BF16 && i < n; i++)
        dst[i] = vera_k_bf16_to_f32(vera_k_f32_to_bf16(dst[i]));
}
