#pragma once

/* Stands in for CUDA's header of this name, as do its neighbours. */
#ifdef __cplusplus
#include "tests/kernels/cuda-host/vera-cuda-host.h"
#endif
