#pragma once

#include <stddef.h>
#include <stdint.h>

#include <glib.h>

/** LLVMFuzzerTestOneInput: the entry of each target; libFuzzer calls it, and so does the driver
 * that replays and mutates the corpus. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** fuzz_write: writes @data as the file @name of a folder that is removed at the end. Returns:
 * (transfer none): its path, until the next call */
const char *fuzz_write(const char *name, const uint8_t *data, size_t size);

/** fuzz_check: fails unless exactly one of result (@ok) and @error is there. @error: (transfer
 * full) (nullable) */
void fuzz_check(gboolean ok, GError *error);
