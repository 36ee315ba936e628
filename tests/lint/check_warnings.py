#!/usr/bin/env python3
"""Compiles each source of the product alone, without making code, and fails on any warning: check_warnings.py BUILD_FOLDER

Batched builds hide some warnings (-Wshadow between files) that a build of one file after the other gives. BUILD_FOLDER was
configured with CMAKE_UNITY_BUILD=OFF, and holds the precompiled header already."""
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def commands(folder: pathlib.Path):
    for entry in json.loads((folder / "compile_commands.json").read_text()):
        source = pathlib.Path(entry["file"])
        if source.suffix == ".cpp" and ROOT in source.parents and folder.resolve() not in source.parents:
            words = shlex.split(entry["command"])
            if "ccache" in pathlib.Path(words[0]).name:
                words = words[1:]
            output = words.index("-o")
            yield source, words[:output] + words[output + 2:] + ["-fsyntax-only"]


def main(folder: pathlib.Path) -> int:
    todo = list(commands(folder))
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", os.cpu_count() or 1))) as pool:
        done = pool.map(lambda one: subprocess.run(one[1], cwd=folder, stderr=subprocess.PIPE, text=True, check=False), todo)
        warned = 0
        for (source, _), result in zip(todo, done):
            if result.returncode != 0 or re.search(r"\b(warning|error):", result.stderr):
                warned += 1
                print(f"{source.relative_to(ROOT)}:\n{result.stderr}")
    print(f"{len(todo)} sources, {warned} with warnings")
    return 1 if warned or not todo else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
