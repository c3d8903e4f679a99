#!/usr/bin/env python3
"""check-list.py CHECK_KERNELS: what the harness says of itself can be read by a program."""
import json
import subprocess
import sys

lines = subprocess.run([sys.argv[1], '--list', '--json'], check=True, capture_output=True, text=True).stdout.splitlines()
variants = {entry['op']: entry['variant'] for entry in map(json.loads, lines)}
assert len(variants) == len(lines) == 12, variants
assert 'unsupported' not in variants.values(), variants
assert variants['conv3d'] == 'onednn', variants
