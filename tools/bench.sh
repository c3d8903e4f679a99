#!/usr/bin/env bash
# Times the operators on the bundled model's and on Wan2.1's shapes, then the program, then, where PyTorch is installed, both in turns
# (VERA_PYTHON names the Python to ask). VERA_PROGRAM is the built program; arguments go to tools/bench-torch.py.
set -euo pipefail
here=$(dirname "$0")
work=$(mktemp -d "${TMPDIR:-/tmp}/vera-bench-XXXXXX")
trap 'rm -rf "$work"' EXIT
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

"$(dirname "$VERA_PROGRAM")/../tests/kernels/check-kernels" --bench
echo
"$VERA_PROGRAM" bench block edit media --work "$work"
echo
python=${VERA_PYTHON:-python3}
if "$python" -c 'import torch, diffusers, safetensors' 2>/dev/null; then
  "$python" "$here/bench-torch.py" "$VERA_PROGRAM" --work "$work" "$@"
else
  echo "PyTorch with diffusers is not installed for $python, so there is nothing to compare with (VERA_PYTHON names another Python)."
fi
