#!/usr/bin/env python3
"""Counts what a test run left out, with the reason of each: skipped.py BUILD_FOLDER

A test that cannot check something here prints a line that holds "SKIPPED: what: why" and goes on."""
import collections
import pathlib
import re
import sys


def main(folder: pathlib.Path) -> int:
    reasons = collections.Counter()
    log = folder / "Testing/Temporary/LastTest.log"
    if log.exists():
        reasons.update(re.findall(r"SKIPPED: (.+)", log.read_text(encoding="utf-8", errors="replace")))
    browser = folder / "browser.log"
    if browser.exists():
        for title, reason in re.findall(r"(?:ok \d+ - |﹣ )(.*?)(?: \([\d.]+ms\))? # (?:SKIP )?(.+)",
                                        browser.read_text(encoding="utf-8", errors="replace")):
            reasons[f"browser: {title}: {reason}"] += 1
    total = sum(reasons.values())
    print(f"{total} checks were skipped" + (":" if total else "; all were made"))
    for reason, times in sorted(reasons.items()):
        print(f"  {reason}" + (f" ({times} times)" if times > 1 else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
