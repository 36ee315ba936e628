#!/usr/bin/env python3
"""A source includes what it calls of ours. A build that compiles sources in batches hides a missing include behind the
neighbour that has it, until somebody builds without batches. Looks at the functions that one header alone declares
outside of any class: whoever calls one must reach that header. Prints each offence and exits 1."""
import pathlib
import re
import sys

TOPS = ("resolver", "ioc", "blockpage", "conf", "tests")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
DECLARED = re.compile(r"^(?!using|return|namespace|#|template|typedef)[\w\[][\w:<>,&*\[\] ]*[ &*>](\w+)\(", re.M)
LITERAL = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"', re.S)


def main(root: pathlib.Path) -> int:
    texts = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
             for top in TOPS for path in sorted((root / top).rglob("*")) if path.suffix in (".h", ".cpp")}
    code = {name: LITERAL.sub('""', text) for name, text in texts.items()}
    includes = {name: [other for other in INCLUDE.findall(text) if other in texts] for name, text in texts.items()}
    homes: dict[str, set[str]] = {}  # function -> the headers that declare it
    for name in texts:
        if name.endswith(".h") and not name.startswith("tests/"):
            for function in DECLARED.findall(code[name]):
                homes.setdefault(function, set()).add(name)

    offences = []
    for name in texts:
        reached, ahead = set(), [name]
        while ahead:
            current = ahead.pop()
            if current not in reached:
                reached.add(current)
                ahead += includes[current]
        for called in set(re.findall(r"(?<![\w.>:~])(\w+)\(", code[name])) & homes.keys():
            if len(homes[called]) > 1 or homes[called] & reached:
                continue
            otherwise = re.compile(r"[\w>&*\]] ?[ &*]%s(?:\(|[,)]| = )" % called)  # a member, a parameter, a lambda
            if any(otherwise.search(code[other].replace("return ", "return;")) for other in reached):
                continue
            offences.append(f"{name}: {called}() is declared by {min(homes[called])}, which it does not include")
    print("\n".join(offences) or f"{len(texts)} files include what they call")
    return 1 if offences or not homes else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
