#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel layer: tensors, status, context. Knows nothing of files, models or GLib. */

#define VERA_K_MAX_DIMS 6

typedef enum {
    VERA_K_OK = 0,
    VERA_K_ERR_INVALID = -1,     /* shapes, types, strides or pointers that make no sense */
    VERA_K_ERR_UNSUPPORTED = -2, /* this device has no such operator or type */
    VERA_K_ERR_NO_DEVICE = -3,
    VERA_K_ERR_OUT_OF_MEMORY = -4,
    VERA_K_ERR_DEVICE_LOST = -5, /* sticky: the context is unusable from now on */
    VERA_K_ERR_INTERNAL = -6,    /* a library underneath failed */
    VERA_K_ERR_STOPPED = -7,     /* on request (vera_k_ctx_set_stop()); outputs are undefined */
} VeraKStatus;

typedef enum {
    VERA_K_DTYPE_F32,
    VERA_K_DTYPE_F16,
    VERA_K_DTYPE_BF16,
    VERA_K_DTYPE_F8_E4M3,
    VERA_K_DTYPE_I64,
    VERA_K_DTYPE_U8,
} VeraKDType;

/**
 * VeraKTensor:
 * @dtype: element type
 * @n_dims: 1..VERA_K_MAX_DIMS
 * @shape: outermost first, as PyTorch prints it
 * @stride: in elements
 * @data: address of element 0, in the memory of the device that runs the operator
 * @constant_id: 0 if the contents may change; otherwise the promise that they never do while a context lives that has seen them, and
 *   that no other contents come under this number. Operators may then keep a reordered copy of a weight. vera_k_tensor() sets 0.
 *
 * A view; owns nothing.
 */
typedef struct {
    VeraKDType dtype;
    int n_dims;
    int64_t shape[VERA_K_MAX_DIMS];
    int64_t stride[VERA_K_MAX_DIMS];
    void *data;
    uint64_t constant_id;
} VeraKTensor;

/** vera_k_dtype_size: Returns: bytes of one element */
size_t vera_k_dtype_size(VeraKDType dtype);

/** vera_k_dtype_name: Returns: the safetensors name: "F32", "F16", "BF16", "F8_E4M3", "I64", "U8" */
const char *vera_k_dtype_name(VeraKDType dtype);

/** vera_k_tensor: Returns: a contiguous view of @data with the given @shape */
VeraKTensor vera_k_tensor(VeraKDType dtype, void *data, int n_dims, const int64_t *shape);

/** vera_k_tensor_n_elements: Returns: product of the shape */
int64_t vera_k_tensor_n_elements(const VeraKTensor *tensor);

/** vera_k_tensor_is_contiguous: Returns: whether the strides are those of vera_k_tensor() */
bool vera_k_tensor_is_contiguous(const VeraKTensor *tensor);

/** vera_k_tensor_slice: Returns: the view [start, start + length) of dimension @dim */
VeraKTensor vera_k_tensor_slice(const VeraKTensor *tensor, int dim, int64_t start, int64_t length);

/* Conversions of one value, round to nearest even; NaN stays NaN. F8_E4M3 is the "fn" form (no infinity, max 448). */
float vera_k_bf16_to_f32(uint16_t value);
uint16_t vera_k_f32_to_bf16(float value);
float vera_k_f16_to_f32(uint16_t value);
uint16_t vera_k_f32_to_f16(float value);
float vera_k_f8_e4m3_to_f32(uint8_t value);

/** vera_k_convert_to_f32: @n dense elements of any type in host memory to F32 */
void vera_k_convert_to_f32(const void *src, VeraKDType dtype, float *dst, int64_t n);
