#!/usr/bin/env python3
"""Every relative link in a Markdown file leads to a file that is there, and its #anchor to a heading of it. Prints each
offence as file:line and exits 1."""
import functools
import pathlib
import re
import subprocess
import sys

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)")
FENCE = re.compile(r"\s*(```|~~~)")
CODE = re.compile(r"(`+).+?\1")
HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")


def lines_outside_code(path: pathlib.Path):
    fenced = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            yield number, line


@functools.lru_cache(maxsize=None)
def anchors(path: pathlib.Path) -> frozenset:
    """As GitHub makes them: lower case, no punctuation, blanks become hyphens, repeats are numbered."""
    seen: dict = {}
    found = set()
    for _, line in lines_outside_code(path):
        heading = HEADING.match(line)
        if not heading:
            continue
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.group(1)).lower()
        slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if slug in seen else slug)
        seen[slug] = seen.get(slug, 0) + 1
    return frozenset(found)


def offence(source: pathlib.Path, target: str) -> str:
    if re.match(r"[a-z][a-z0-9+.-]*:", target):  # http:, mailto:
        return ""
    file, _, anchor = target.partition("#")
    path = (source.parent / file) if file else source
    if not path.exists():
        return f"{target} is not there"
    if anchor and path.suffix == ".md" and anchor not in anchors(path.resolve()):
        return f"{file or source.name} has no heading #{anchor}"
    return ""


def main(root: pathlib.Path) -> int:
    # A clone knows its files; an unpacked archive has no others than its own.
    listed = subprocess.run(["git", "-C", str(root), "ls-files", "-z", "*.md"], capture_output=True, check=False).stdout
    files = [root / name for name in listed.decode().split("\0") if name] or \
        [path for path in root.rglob("*.md") if not {"node_modules", "build"} & set(path.relative_to(root).parts)]
    offences, links = [], 0
    for source in filter(pathlib.Path.exists, sorted(files)):
        for number, line in lines_outside_code(source):
            for target in LINK.findall(CODE.sub("", line)):
                links += 1
                if problem := offence(source, target):
                    offences.append(f"{source}:{number}: {problem}")
    print("\n".join(offences) or f"{links} links hold in {len(files)} files")
    return 1 if offences or links == 0 else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
