#pragma once

#include "kernels/vera-k-ops.h"

/* What every operator takes, seen from outside: for devices of tests and for tests that move tensors. */

#define OP_TENSORS_MAX 8

/** OpTensors: the tensors in device memory of one call; those without data are left out. */
typedef struct {
    int n;
    VeraKTensor *tensor[OP_TENSORS_MAX];
    const char *name[OP_TENSORS_MAX];
} OpTensors;

/** op_tensors_list: of argument struct @op, which belongs to operator @id */
OpTensors op_tensors_list(VeraKOpId id, void *op);

/** op_tensors_get_size: Returns: bytes of the argument struct of @id */
size_t op_tensors_get_size(VeraKOpId id);

/** op_tensors_get_span: the bytes from the lowest to behind the highest element. */
void op_tensors_get_span(const VeraKTensor *tensor, char **from, char **to);

/** op_tensors_call: vera_k_*() of @id */
VeraKStatus op_tensors_call(VeraKOpId id, VeraKCtx *ctx, const void *op);
