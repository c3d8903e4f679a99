#!/usr/bin/env bash
# Trains everything on one machine within a time budget, resumably.
# Usage: training/device.sh STATE VAE_SECONDS LAYERS_SECONDS LAYERS_TOTAL [FILL_SECONDS]
set -euo pipefail
cd "$(dirname "$0")"
state=$1
mkdir -p "$state"
tokenizer=../data/models/vera-small/tokenizer/spiece.model
if [ "$2" -gt 0 ]; then
  python3 train_vae.py --state "$state" --seconds "$2" --batch 12
fi
python3 train_layers.py --state "$state" --tokenizer "$tokenizer" --seconds "$3" --total "$4" --fill "${5:-90}" --compile
