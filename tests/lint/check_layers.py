#!/usr/bin/env python3
"""Folders are layers: an include never points up. Prints each offence as file:line and exits 1."""
import pathlib
import re
import sys

# Lowest first. Folders on one line are peers and may not include each other.
LAYERS = [
    ["resolver/base"],
    ["resolver/dns", "resolver/net"],
    ["ioc", "resolver/cache", "resolver/upstream"],
    ["resolver/policy"],
    ["resolver/events"],
    ["resolver/query"],
    ["resolver/listen", "blockpage", "resolver/cli"],
    ["resolver/control"],
    ["conf"],
    ["resolver"],
]
# Who may name a third party: the fence around each library.
FENCES = {
    "uv.h": ["resolver/net"],
    "ldns/": ["resolver/dns"],
    "yaml-cpp/": ["conf", "ioc"],
    "openssl/": ["resolver/net", "blockpage"],
    "nghttp2/": ["resolver/net"],
    "boost/beast": ["resolver/net"],
    "CLI/": ["resolver/cli", "resolver"],
    "curl/": ["ioc", "resolver/cli"],
    "prometheus/": ["resolver/control"],
}
RANK = {folder: rank for rank, group in enumerate(LAYERS) for folder in group}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def layer_of(folder: str) -> str:
    return "ioc" if folder == "ioc/formats" else folder  # one layer, two folders: one file per format


def main(root: pathlib.Path) -> int:
    offences, files = [], 0
    for top in ("resolver", "ioc", "blockpage", "conf"):
        for path in sorted((root / top).rglob("*")):
            if path.suffix not in (".h", ".cpp"):
                continue
            files += 1
            folder = layer_of(path.parent.relative_to(root).as_posix())
            if folder not in RANK:
                offences.append(f"{path}: folder {folder} has no layer in check_layers.py")
                continue
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                found = INCLUDE.match(line)
                if not found:
                    continue
                kind, target = found.groups()
                for header, allowed in FENCES.items():
                    if target.startswith(header) and folder not in allowed:
                        offences.append(f"{path}:{number}: <{target}> belongs behind {' or '.join(allowed)}")
                if kind != '"':
                    continue
                other = layer_of(str(pathlib.PurePosixPath(target).parent))
                if other not in RANK:
                    offences.append(f"{path}:{number}: \"{target}\" is not written from the root")
                elif other != folder and RANK[other] >= RANK[folder]:
                    offences.append(f"{path}:{number}: {folder} must not include {target}")
    print("\n".join(offences) or f"layers hold in {files} files")
    return 1 if offences or files == 0 else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
