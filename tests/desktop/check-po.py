#!/usr/bin/env python3
"""Checks that every file with translatable text is in po/POTFILES.in and that every catalogue translates all of it.

Usage: check-po.py SOURCE_ROOT. Exits with 77 where the gettext tools are not installed.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

C_MARK = re.compile(r'\b(?:_|N_|C_|NC_|gettext|ngettext|g_dngettext|g_dgettext)\s*\(')
UI_MARK = re.compile(r'translatable="(?:yes|true|1)"')
# What meson's preset "glib" hands to xgettext, as far as it decides what is extracted.
KEYWORDS = ["_", "N_", "C_:1c,2", "NC_:1c,2", "g_dcgettext:2", "g_dngettext:2,3", "g_dpgettext2:2c,3"]


def find_marked(root: pathlib.Path) -> set[str]:
    found = set()
    for folder in ("app", "engine", "ui"):
        for path in (root / folder).rglob("*"):
            mark = {".c": C_MARK, ".h": C_MARK, ".ui": UI_MARK}.get(path.suffix)
            if mark and mark.search(path.read_text(encoding="utf-8")):
                found.add(str(path.relative_to(root)))
    for path in (root / "data").glob("*.in"):
        if path.name.endswith((".desktop.in", ".metainfo.xml.in")):
            found.add(str(path.relative_to(root)))
    return found


def read_list(path: pathlib.Path) -> list[str]:
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def extract(root: pathlib.Path, pot: pathlib.Path) -> list[str]:
    """Writes the template; returns what xgettext warned of, such as text that it had to cut off."""
    done = subprocess.run(
        ["xgettext", "--from-code=UTF-8", "--files-from=po/POTFILES.in", "--output", str(pot),
         *[f"--keyword={word}" for word in KEYWORDS]], cwd=root, capture_output=True, text=True, check=True)
    # A macro inside a text ends it for xgettext: what is looked up then is not what was translated.
    cut = [f"{path}: a macro inside of a translatable text; put it into a string of its own"
           for path in read_list(root / "po/POTFILES.in") if path.endswith(".c")
           and re.search(r'\b_\("[^"]*"\s*[A-Z]', (root / path).read_text(encoding="utf-8"))]
    return [line for line in done.stderr.splitlines() if "warning" in line] + cut


def check_catalogue(root: pathlib.Path, language: str, pot: pathlib.Path, folder: pathlib.Path) -> list[str]:
    merged = folder / f"{language}.po"
    subprocess.run(["msgmerge", "--quiet", "--no-fuzzy-matching", "--output-file", str(merged),
                    f"po/{language}.po", str(pot)], cwd=root, check=True)
    problems = []
    done = subprocess.run(["msgfmt", "--check", "--output-file=/dev/null", str(merged)], capture_output=True, text=True)
    if done.returncode != 0:
        problems.append(f"po/{language}.po: {done.stderr.strip()}")
    for kind in ("--untranslated", "--only-fuzzy"):
        left = subprocess.run(["msgattrib", kind, "--no-obsolete", "--no-wrap", str(merged)],
                              capture_output=True, text=True, check=True)
        for text in re.findall(r'^msgid "(.+)"$', left.stdout, re.M):
            problems.append(f"po/{language}.po does not translate “{text}”; ninja vera-update-po brings it in")
    return problems


def main() -> int:
    root = pathlib.Path(sys.argv[1])
    for tool in ("xgettext", "msgmerge", "msgattrib", "msgfmt"):
        if shutil.which(tool) is None:
            print(f"{tool} is not installed")
            return 77
    marked, listed = find_marked(root), set(read_list(root / "po/POTFILES.in"))
    problems = [f"{path} has translatable text and is not in po/POTFILES.in" for path in sorted(marked - listed)]
    problems += [f"po/POTFILES.in lists {path}, which has no translatable text" for path in sorted(listed - marked)]
    languages = set(read_list(root / "po/LINGUAS"))
    if languages != {path.stem for path in (root / "po").glob("*.po")}:
        problems.append("po/LINGUAS and the catalogues in po/ are not the same set")
    if not problems:
        with tempfile.TemporaryDirectory() as name:
            pot = pathlib.Path(name) / "vera.pot"
            problems += extract(root, pot)
            for language in sorted(languages):
                problems += check_catalogue(root, language, pot, pathlib.Path(name))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


sys.exit(main())
