#pragma once

#include <stddef.h>
#include <stdint.h>

/** LLVMFuzzerTestOneInput: the entry of each target; libFuzzer calls it, and so does the driver that replays the corpus. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
