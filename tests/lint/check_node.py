#!/usr/bin/env python3
"""Every package that the browser tests lock must run with Debian 12's Node.js: check_node.py PACKAGE_LOCK"""
import json
import re
import sys

DEBIAN = (18, 20, 4)


def accepts(wanted: str) -> bool:
    """Whether an "engines" range (npm's semver, as far as packages use it here) takes Debian's version."""
    def holds(part: str) -> bool:
        found = re.fullmatch(r"(>=|>|\^|~|<|<=|=)?\s*v?(\d+)(?:\.(\d+|x))?(?:\.(\d+|x))?", part)
        if found is None:
            raise ValueError(f"the range {part!r} is not understood")
        sign = found.group(1) or "="
        numbers = [int(n) for n in found.groups()[1:] if n not in (None, "x")]
        version, ours = tuple(numbers + [0] * (3 - len(numbers))), DEBIAN
        if sign == "^":
            return ours[0] == version[0] and ours >= version
        if sign == "~":
            return ours[:2] == version[:2] and ours >= version
        if sign == "=":
            return ours[:len(numbers)] == tuple(numbers)
        return {">=": ours >= version, ">": ours > version, "<": ours < version, "<=": ours <= version}[sign]
    return any(all(holds(part) for part in re.findall(r"(?:>=|<=|[<>^~=])?\s*[\dvx.]+", either)) for either in wanted.split("||"))


def main(path: str) -> int:
    packages = json.loads(open(path, encoding="utf-8").read())["packages"]
    wanted = {name: one["engines"]["node"] for name, one in packages.items() if "node" in one.get("engines", {})}
    bad = [f"{name} wants Node.js {node}; Debian 12 has {'.'.join(map(str, DEBIAN))}" for name, node in wanted.items() if not accepts(node)]
    print("\n".join(bad) or f"{len(wanted)} packages run with Debian's Node.js")
    return 1 if bad or not wanted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
