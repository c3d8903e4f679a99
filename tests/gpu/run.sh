#!/usr/bin/env bash
# Builds the kernels, holds them against the reference on this machine's GPU, and times the model beside PyTorch. Prints one table.
# Needs gcc, meson, ninja, CUDA and Python; PyTorch for its columns. No GTK, GLib or FFmpeg. Within ten minutes.
# Exit status: 0 all is well, 1 something is wrong, 77 no GPU can be used here (everything is built).
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:-$root/build-gpu}
python=${VERA_PYTHON:-python3}
status=0

say() { printf '\n== %s\n' "$*"; }

fail() {
  printf 'FAILED: %s\n' "$*"
  status=1
}

for tool in gcc meson ninja nvcc "$python"; do
  command -v "$tool" >/dev/null || { printf '%s is missing; see the first lines of tests/gpu/run.sh.\n' "$tool"; exit 1; }
done

# Code for this card alone: all of them take minutes. What sm_90a has, wgmma, no other name gives.
capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d '. ')
arch=${capability:-80}
[ "$arch" = 90 ] && arch=90a

say "build for compute capability $arch into $out"
started=$SECONDS
[ -f "$out/build.ninja" ] ||
  meson setup "$out" "$root" -Dkernels_only=true -Dcuda=enabled "-Dgpu_archs=$arch" --buildtype=release >"$out.log" 2>&1 ||
  { cat "$out.log"; exit 1; }
ninja -C "$out" kernels/cuda/vera-cuda.so tests/kernels/check-kernels tests/gpu/model-bench >"$out/build.log" 2>&1 ||
  { cat "$out/build.log"; exit 1; }
printf 'built in %d s; vera-cuda.so has %d KiB\n' $((SECONDS - started)) $(($(stat -c %s "$out/kernels/cuda/vera-cuda.so") / 1024))
export VERA_CUDA_MODULE=$out/kernels/cuda/vera-cuda.so

say "operators against the reference"
timeout 150 "$out/tests/kernels/check-kernels" --device=cuda | tee "$out/check.txt"
case ${PIPESTATUS[0]} in
  0) ;;
  77) printf 'There is no GPU to go on with; all that a GPU needs is built.\n'; exit 77 ;;
  *) fail "check-kernels" ;;
esac

# The other kernel of attention, which this card would not run.
if [ "$arch" = 90a ]; then
  say "operators against the reference, without wgmma"
  VERA_CUDA_WGMMA=0 timeout 150 "$out/tests/kernels/check-kernels" --device=cuda | tail -n 20 | tee "$out/check-without-wgmma.txt"
  [ "${PIPESTATUS[0]}" = 0 ] || fail "check-kernels without wgmma"
fi

say "compute-sanitizer on small shapes"
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck; do
    timeout 90 compute-sanitizer --tool "$tool" --error-exitcode 9 "$out/tests/gpu/model-bench" --tiny --runs=1 >"$out/$tool.txt" 2>&1 ||
      { tail -n 40 "$out/$tool.txt"; fail "compute-sanitizer $tool"; }
    grep -h 'SUMMARY' "$out/$tool.txt"
  done
else
  printf 'compute-sanitizer is not installed: left out\n'
fi

say "Vera-1.3B, 832x480, 49 frames"
timeout 150 "$out/tests/gpu/model-bench" >"$out/vera.jsonl" || fail "model-bench"
: >"$out/torch.jsonl"
if "$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
  timeout 240 "$python" "$root/tests/gpu/torch_bench.py" >"$out/torch.jsonl" || printf 'torch_bench.py did not finish: its columns are incomplete\n'
else
  printf 'PyTorch with CUDA is not installed: its columns are empty\n'
fi
"$python" "$root/tests/gpu/table.py" "$out/vera.jsonl" "$out/torch.jsonl"
printf '\n%d s in all\n' "$SECONDS"
exit $status
