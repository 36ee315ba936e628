#!/usr/bin/env python3
"""The manual page names every command of the binary and every option of it. Prints what is missing and exits 1.

check_manual.py BINARY PAGE"""
import re
import subprocess
import sys


def help_of(binary, command):
    return subprocess.run([binary, *command, "--help"], capture_output=True, text=True, check=True, timeout=60).stdout


def walk(binary, command=()):
    """Yields each command that does something, with its help."""
    text = help_of(binary, command)
    listed = re.search(r"^Subcommands:\n((?:  .*\n)+)", text, re.MULTILINE)
    below = re.findall(r"^  (\S+)", listed[1], re.MULTILINE) if listed else []
    if command and (not below or "--json" in text):
        yield command, text
    for name in below:
        yield from walk(binary, (*command, name))


def main():
    binary, page = sys.argv[1], open(sys.argv[2], encoding="utf-8").read()
    shown = re.sub(r"\bFl -", "--", page)
    missing, seen = [], 0
    for command, text in walk(binary):
        seen += 1
        if not re.search(r"^\.(It )?Cm " + " ".join(command) + r"\b", page, re.MULTILINE):
            missing.append(" ".join(command))
        for option in re.findall(r"^\s+(?:-\w,)?(--[\w-]+)", text, re.MULTILINE):
            if not re.search(re.escape(option) + r"(?![\w-])", shown):
                missing.append(f"{' '.join(command)} {option}")
    for each in missing:
        print(f"{sys.argv[2]}: says nothing of: {each}")
    if seen < 10:
        print(f"only {seen} commands found: has the form of --help changed?")
    sys.exit(1 if missing or seen < 10 else 0)


if __name__ == "__main__":
    main()
