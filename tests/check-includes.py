#!/usr/bin/env python3
"""Checks the folder rules of DESIGN.md: a lower room never includes an upper one, and every header compiles alone.

Usage: check-includes.py SOURCE_ROOT. Needs nothing but Python and a C compiler.
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

# folder -> (own folders it may include, patterns of system headers it must not include)
RULES = {
    "kernels": ({"kernels"}, r"glib|gio|gobject|gtk/|adwaita|libav|libsw|openexr|json-glib|epoxy|zimg|cairo"),
    "engine": ({"engine", "kernels"}, r"gtk/|adwaita|epoxy|GL/|cuda|cublas"),
    "ui": ({"ui", "engine"}, r"libav|libsw|cuda|cublas|dnnl|openexr"),
    "app": ({"app", "ui", "engine", "kernels"}, r"cuda|cublas|dnnl"),
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def check_rules(root: pathlib.Path) -> list[str]:
    problems = []
    for folder, (allowed, forbidden) in RULES.items():
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in {".c", ".h", ".cc", ".cu", ".cuh"}:
                continue
            where = path.relative_to(root)
            is_cuda = where.parts[:2] == ("kernels", "cuda")
            for kind, name in INCLUDE.findall(path.read_text(encoding="utf-8")):
                if kind == '"':
                    top = name.split("/")[0]
                    if name != "config.h" and top not in allowed:
                        problems.append(f"{where} includes \"{name}\", which {folder}/ must not know")
                    if name.endswith("-private.h") and os.path.dirname(name) != str(where.parent):
                        friends = str(where).startswith(os.path.dirname(name) + "/")
                        if not friends:
                            problems.append(f"{where} includes \"{name}\", private to its folder")
                elif re.match(forbidden, name) and not is_cuda:
                    problems.append(f"{where} includes <{name}>, which {folder}/ must not use")
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".h" and "#pragma once" not in text:
                problems.append(f"{where} lacks #pragma once")
    return problems


def check_headers_alone(root: pathlib.Path) -> list[str]:
    packages = ["glib-2.0", "gio-2.0", "gio-unix-2.0", "json-glib-1.0", "OpenEXR", "libavformat", "cairo",
                "gtk4", "libadwaita-1", "epoxy"]
    flags = shlex.split(
        subprocess.run(["pkg-config", "--cflags", *packages], capture_output=True, text=True, check=True).stdout)
    problems = []
    headers = [p.relative_to(root) for folder in RULES for p in sorted((root / folder).rglob("*.h"))
               if "cuda" not in p.parts]
    with tempfile.TemporaryDirectory() as tmp:
        for header in headers:
            source = pathlib.Path(tmp) / "alone.c"
            source.write_text(f'#include "{header}"\n')
            run = subprocess.run(["cc", "-std=gnu17", "-fsyntax-only", "-I", str(root), *flags, str(source)],
                                 capture_output=True, text=True)
            if run.returncode:
                problems.append(f"{header} does not compile alone:\n{run.stderr}")
    return problems


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    problems = check_rules(root) + check_headers_alone(root)
    print("\n".join(problems) if problems else "every include follows the folder rules; every header compiles alone")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
