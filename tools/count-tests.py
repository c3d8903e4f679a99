#!/usr/bin/env python3
"""Counts what really ran in a meson test log and prints `N passed, N failed, N skipped`.

A program that speaks TAP (every GLib test program) counts by its cases, any other by its exit code. Exit status 1 if anything failed or
nothing ran.
"""
import json
import re
import sys

LINE = re.compile(r"^\s*(not ok|ok)\b([^#]*)(#\s*(\w+))?", re.I)


def count_tap(text: str) -> tuple[int, int, int]:
    passed = failed = skipped = 0
    for line in text.splitlines():
        match = LINE.match(line)
        if not match:
            continue
        directive = (match.group(4) or "").lower()
        if directive == "skip":
            skipped += 1
        elif match.group(1) == "ok" or directive == "todo":
            passed += 1
        else:
            failed += 1
    return passed, failed, skipped


def main() -> int:
    totals = [0, 0, 0]
    skipped_reasons = []
    with open(sys.argv[1], encoding="utf-8") as log:
        for line in log:
            test = json.loads(line)
            text = test.get("stdout") or ""
            is_good = test["result"] in ("OK", "EXPECTEDFAIL")
            passed, failed, skipped = count_tap(text)
            if passed + failed + skipped == 0:
                passed, skipped = int(is_good), int(test["result"] == "SKIP")
                failed = int(not is_good and not skipped)
            elif not is_good and test["result"] != "SKIP" and failed == 0:
                failed = 1
            for found in re.findall(r"^\s*ok .*#\s*skip\b(.*)$", text, re.I | re.M):
                skipped_reasons.append(f"{test['name']}: {found.strip()}")
            totals = [a + b for a, b in zip(totals, (passed, failed, skipped))]
    for reason in skipped_reasons:
        print(f"skipped: {reason}")
    print(f"{totals[0]} passed, {totals[1]} failed, {totals[2]} skipped")
    return 1 if totals[1] or not totals[0] else 0


if __name__ == "__main__":
    sys.exit(main())
