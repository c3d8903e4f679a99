#!/usr/bin/env bash
# Times the operators on the bundled model's and on Wan2.1's shapes. VERA_PROGRAM is the built program.
set -euo pipefail
exec "$(dirname "$VERA_PROGRAM")/../tests/kernels/check-kernels" --bench "$@"
