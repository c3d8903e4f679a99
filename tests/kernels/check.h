#pragma once

#include "kernels/vera-k-ops.h"

/* The harness of check-kernels: random cases, bounds, sentinels. Tensors are made and compared in host memory. */

typedef struct VeraCheckMemory VeraCheckMemory;

typedef struct {
    VeraKCtx *reference;
    VeraKCtx *tested;
    uint64_t seed;
    int n_cases;
    int n_failed;
    bool is_bench;
    bool is_json; /* one object a line; lines that begin with a space say why a case failed */
    const char *op;
    char label[160];
    VeraCheckMemory *memories; /* of every tensor there is */
} VeraCheck;

/** vera_check_value: uniform in [-1, 1) from the check's own generator (splitmix64) */
float vera_check_value(VeraCheck *self);

/** vera_check_integer: uniform in [low, high] */
int64_t vera_check_integer(VeraCheck *self, int64_t low, int64_t high);

/** vera_check_new: contiguous F32 tensor between fences, filled with values of the given scale; vera_check_free() frees it. */
VeraKTensor vera_check_new(VeraCheck *self, int n_dims, const int64_t *shape, float scale);

/** vera_check_new_output: the same, filled with NaN. */
VeraKTensor vera_check_new_output(VeraCheck *self, int n_dims, const int64_t *shape);

/** vera_check_as: a copy of F32 @tensor in another float type (rounded), between fences. */
VeraKTensor vera_check_as(VeraCheck *self, const VeraKTensor *tensor, VeraKDType dtype);

void vera_check_free(VeraCheck *self, VeraKTensor *tensor);

/**
 * VeraCheckBinding: an operator whose tensors are where a device can read them: where they lie, or copies, fences included.
 */
typedef struct VeraCheckBinding VeraCheckBinding;

/** vera_check_bind: copies what @op uses to the device of @ctx. Returns: a binding, or NULL with a line printed */
VeraCheckBinding *vera_check_bind(VeraCheck *self, VeraKCtx *ctx, VeraKOpId id, const void *op);

/** vera_check_call: runs it; does not wait for a device. */
VeraKStatus vera_check_call(VeraCheckBinding *binding);

/** vera_check_unbind: copies everything back and frees the binding (NULL is allowed). Returns: what went wrong in between */
VeraKStatus vera_check_unbind(VeraCheckBinding *binding);

/** vera_check_run: binds @op on the tested device, runs it once, and unbinds. */
VeraKStatus vera_check_run(VeraCheck *self, VeraKOpId id, const void *op);

/**
 * VeraCheckBound: every element |got - want| <= relative * |want| + floor * rms(want), and the normalised square error below nmse.
 */
typedef struct {
    double relative;
    double floor;
    double nmse;
} VeraCheckBound;

/** vera_check_compare: Returns: whether @got meets the bound; a non-finite value must be one in both. Prints why not. */
bool vera_check_compare(VeraCheck *self, const VeraKTensor *got, const VeraKTensor *want, VeraCheckBound bound);

/** vera_check_case: counts a case and its result under the current label. */
void vera_check_case(VeraCheck *self, bool ok);

/** vera_check_fences_hold: Returns: whether no byte around @tensor was written */
bool vera_check_fences_hold(const VeraKTensor *tensor);

/* One per operator file. */
void vera_check_products(VeraCheck *self);
void vera_check_norms(VeraCheck *self);
void vera_check_elementwise(VeraCheck *self);
void vera_check_bf16(VeraCheck *self);
void vera_check_bf16_norms(VeraCheck *self);
void vera_check_arguments(VeraCheck *self);
void vera_check_benchmarks(VeraCheck *self);

/** vera_check_selftest: feeds broken results to the harness. Returns: how many it let pass */
int vera_check_selftest(VeraCheck *self);
