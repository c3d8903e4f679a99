#pragma once

#include "kernels/vera-k-ops.h"

/* Shared by the files of kernels/: what a device is made of, and what a backend fills in. */

/** VeraKOpFunc: one operator of one device; @op has passed validation. */
typedef VeraKStatus (*VeraKOpFunc)(VeraKCtx *ctx, const void *op);

/** VeraKOpEntry: @run NULL means unsupported. */
typedef struct {
    VeraKOpFunc run;
    const char *variant;
} VeraKOpEntry;

/**
 * VeraKDevice: a backend allocates one and fills its members; a module does so in the function that it exports (VeraKModuleOpen).
 * Members may be called from any thread, also at once.
 */
struct VeraKDevice {
    bool is_host;
    bool is_dry; /* vera_k_device_open_dry() */
    VeraKDeviceInfo info;
    VeraKOpEntry ops[VERA_K_N_OPS];
    VeraKStatus (*allocate)(VeraKDevice *device, size_t size, void **data);
    void (*release)(VeraKDevice *device, void *data);
    VeraKStatus (*copy)(VeraKDevice *device, void *stream, void *dst, const void *src, size_t size);
    VeraKStatus (*synchronize)(VeraKDevice *device, void *stream);
    VeraKStatus (*new_stream)(VeraKDevice *device, void **stream); /* NULL: work is done at once, streams are NULL */
    void (*free_stream)(VeraKDevice *device, void *stream);
    VeraKStatus (*wait_stream)(VeraKDevice *device, void *stream, void *other);
    /* Asks for the scratch memory and the places of reordered weights that operator @id would, and does nothing else; NULL: none does. */
    VeraKStatus (*measure)(VeraKCtx *ctx, VeraKOpId id, const void *op);
    const char *(*describe)(VeraKDevice *device); /* NULL, or why a member failed last */
    uint64_t (*get_free_bytes)(VeraKDevice *device);
    void (*close)(VeraKDevice *device);
    void *backend; /* the backend's own state */
    uint64_t used_bytes, peak_used_bytes; /* kept by device.c, atomically */
};

struct VeraKStream {
    VeraKDevice *device;
    VeraKCtx *ctx; /* that owns it, and gets the sentence of a failure; or NULL */
    void *handle;
};

/** VeraKHost: what a module calls in the program that has loaded it. */
typedef struct {
    const char *version; /* of the program; a module of another one refuses */
    VeraKStatus (*fail)(VeraKCtx *ctx, VeraKStatus status, const char *format, ...);
    VeraKStatus (*scratch)(VeraKCtx *ctx, size_t size, void **data);
    void *(*packed)(VeraKCtx *ctx, const VeraKTensor *weight, size_t size, bool *is_new);
    bool (*fault_is_due)(void);
} VeraKHost;

/**
 * VeraKModuleOpen: type of the function VERA_K_MODULE_OPEN of a module: opens device @index.
 * Returns: VERA_K_OK; else a status, and in @message one sentence for people that ends with a full stop
 */
typedef VeraKStatus (*VeraKModuleOpen)(const VeraKHost *host, int index, VeraKDevice **device, char *message, size_t message_size);

#define VERA_K_MODULE_OPEN "vera_k_module_open"

/** VERA_K_PACKED_MAX_BYTES: reordered weights that a context keeps at most, unless vera_k_ctx_set_packed_max() has said otherwise */
#define VERA_K_PACKED_MAX_BYTES ((size_t)256 << 20)

/** VERA_K_PACKED_MAX: their number at most */
#define VERA_K_PACKED_MAX 1024

/** VeraKPacked: the reordered copy of one weight. */
typedef struct {
    uint64_t constant_id;
    const void *data;
    int64_t n_elements;
    VeraKBuffer *buffer;
} VeraKPacked;

struct VeraKCtx {
    VeraKDevice *device;
    VeraKStream *stream;
    VeraKBuffer *scratch;
    VeraKPacked *packed; /* VERA_K_PACKED_MAX entries, or NULL */
    int n_packed;
    size_t packed_bytes, packed_max;
    int n_threads;
    VeraKStopFunc should_stop; /* or NULL */
    void *stop_data;
    char message[512];
};

/** vera_k_fail: stores a sentence in the context. Returns: @status */
VeraKStatus vera_k_fail(VeraKCtx *ctx, VeraKStatus status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** vera_k_must_stop: Returns: whether the rest of the operator is to be left out */
bool vera_k_must_stop(const VeraKCtx *ctx);

/** vera_k_end: what an operator ends with that may have left out some of its work. Returns: VERA_K_OK or VERA_K_ERR_STOPPED */
VeraKStatus vera_k_end(VeraKCtx *ctx);

/** vera_k_scratch: at least @size bytes of the context's scratch memory; what an earlier call got is gone. */
VeraKStatus vera_k_scratch(VeraKCtx *ctx, size_t size, void **data);

/**
 * vera_k_packed: the place of @size bytes for the reordered copy of @weight, which stays with the context.
 * @is_new: (out): whether the caller must fill it
 *
 * Ask for scratch memory first: a place that is new and then not filled would be taken for filled the next time.
 * What comes first stays: a model larger than the bound keeps a part of its weights, and the same part at every step.
 * Returns: the place; NULL if @weight may change or there is no room, and the caller takes scratch memory
 */
void *vera_k_packed(VeraKCtx *ctx, const VeraKTensor *weight, size_t size, bool *is_new);

/** vera_k_packed_clear: frees what vera_k_packed() has given out. */
void vera_k_packed_clear(VeraKCtx *ctx);

/** vera_k_load: element @index of a dense float array of any type, as F32 */
float vera_k_load(const void *data, VeraKDType dtype, int64_t index);

/** vera_k_to_bf16: @n dense elements of any float type to BF16 */
void vera_k_to_bf16(const void *src, VeraKDType dtype, uint16_t *dst, int64_t n);

/** vera_k_round_to_bf16: the same, but each as the F32 that has its value */
void vera_k_round_to_bf16(const void *src, VeraKDType dtype, float *dst, int64_t n);

/* One check per operator; VERA_K_OK or a sentence in the context. */
VeraKStatus vera_k_validate_linear(VeraKCtx *ctx, const VeraKLinear *op);
VeraKStatus vera_k_validate_layer_norm(VeraKCtx *ctx, const VeraKLayerNorm *op);
VeraKStatus vera_k_validate_rms_norm(VeraKCtx *ctx, const VeraKRmsNorm *op);
VeraKStatus vera_k_validate_attention(VeraKCtx *ctx, const VeraKAttention *op);
VeraKStatus vera_k_validate_gate_add(VeraKCtx *ctx, const VeraKGateAdd *op);
VeraKStatus vera_k_validate_activate(VeraKCtx *ctx, const VeraKActivate *op);
VeraKStatus vera_k_validate_combine(VeraKCtx *ctx, const VeraKCombine *op);
VeraKStatus vera_k_validate_copy(VeraKCtx *ctx, const VeraKCopy *op);
VeraKStatus vera_k_validate_embed(VeraKCtx *ctx, const VeraKEmbed *op);
VeraKStatus vera_k_validate_conv3d(VeraKCtx *ctx, const VeraKConv3d *op);
VeraKStatus vera_k_validate_channel_norm(VeraKCtx *ctx, const VeraKChannelNorm *op);
VeraKStatus vera_k_validate_is_finite(VeraKCtx *ctx, const VeraKIsFinite *op);

/** vera_k_ops_init_reference: fills every entry with the plain version; no entry stays NULL. */
void vera_k_ops_init_reference(VeraKOpEntry *ops);

/** vera_k_ops_init_cpu: overwrites entries with faster versions that this processor can run. */
void vera_k_ops_init_cpu(VeraKOpEntry *ops, VeraKDeviceInfo *info);

/** vera_k_device_open_cpu, vera_k_device_open_cuda: open a backend. */
VeraKStatus vera_k_device_open_cpu(VeraKDevice **device, char *message, size_t message_size);
VeraKStatus
vera_k_device_open_cuda(int index, VeraKDevice **device, char *message, size_t message_size);
