#pragma once

#include <pthread.h>

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include "kernels/vera-k-private.h"

/* An NVIDIA GPU as a VeraKDevice: memory, streams, copies, errors. */

#define VERA_K_CUDA_MAX_STREAMS 16
#define VERA_K_CUDA_N_STAGES 2

typedef struct VeraKCudaAlgorithms VeraKCudaAlgorithms;

/** VeraKCuda: VeraKDevice.backend */
typedef struct {
    const VeraKHost *host;
    int index;
    int sm;             /* 10 * major + minor of the compute capability */
    cudaStream_t main;  /* the first stream that is asked for; memory comes and goes in its order */
    cudaMemPool_t pool; /* NULL where the driver offers none: memory then comes from cudaMalloc() */
    cublasLtHandle_t blas;
    pthread_mutex_t lock; /* of all below */
    cudaStream_t streams[VERA_K_CUDA_MAX_STREAMS];
    int n_streams;
    struct {
        void *data; /* pinned */
        cudaEvent_t is_free;
    } stage[VERA_K_CUDA_N_STAGES];
    int next_stage;
    VeraKCudaAlgorithms *algorithms; /* owned by linear-cuda.c */
    bool is_lost;
    bool avoids_wgmma; /* VERA_CUDA_WGMMA=0: attention with mma.sync everywhere, for comparisons */
    char why[256];
} VeraKCuda;

/** vera_k_cuda_get: Returns: (borrowed): the backend of @ctx's device, which is now the current one of this thread */
VeraKCuda *vera_k_cuda_get(VeraKCtx *ctx);

/** vera_k_cuda_get_stream: Returns: (borrowed): the stream of @ctx */
cudaStream_t vera_k_cuda_get_stream(VeraKCtx *ctx);

/**
 * vera_k_cuda_note: what @error means for the device: whether the memory was too little, a call failed, or nothing will work any more.
 * Keeps a sentence that begins with @what.
 */
VeraKStatus vera_k_cuda_note(VeraKCuda *self, cudaError_t error, const char *what);

/** vera_k_cuda_open_device: opens GPU @index, which exists; the driver has been asked. See VeraKModuleOpen */
VeraKStatus vera_k_cuda_open_device(const VeraKHost *host, int index, VeraKDevice **device, char *message, size_t message_size);

/** vera_k_cuda_measure: see VeraKDevice.measure */
VeraKStatus vera_k_cuda_measure(VeraKCtx *ctx, VeraKOpId id, const void *op);

/** vera_k_ops_init_cuda: the operators */
void vera_k_ops_init_cuda(VeraKOpEntry *ops);

/**
 * vera_k_linear_run: a linear layer on cuBLASLt. Beyond the contract of vera_k_linear() x and y may be BF16.
 * Returns: VERA_K_ERR_INTERNAL with the runtime's last error set, or with a sentence in the context
 */
VeraKStatus vera_k_linear_run(VeraKCtx *ctx, VeraKCuda *cuda, const VeraKLinear *op);

/** vera_k_linear_measure: takes the memory of vera_k_linear_run(). */
VeraKStatus vera_k_linear_measure(VeraKCtx *ctx, VeraKCuda *cuda, const VeraKLinear *op);
void vera_k_algorithms_free(VeraKCudaAlgorithms *self);
