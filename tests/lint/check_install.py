#!/usr/bin/env python3
"""Installs into an empty folder and looks where things are: check_install.py CMAKE BUILD_FOLDER."""
import pathlib
import subprocess
import sys
import tempfile

CASES = {  # prefix: where the configuration must be
    "/usr": "/etc/cenote/cenote.yaml",
    "/usr/local": "/etc/cenote/cenote.yaml",
    "/opt/cenote": "/opt/cenote/etc/cenote/cenote.yaml",
}


def install(cmake: str, build: str, prefix: str, root: pathlib.Path) -> None:
    subprocess.run([cmake, "--install", build, "--prefix", prefix], check=True, stdout=subprocess.DEVNULL,
                   env={"DESTDIR": str(root), "PATH": "/usr/bin:/bin"})


def check(cmake: str, build: str, prefix: str, config: str) -> list[str]:
    faults = []
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        install(cmake, build, prefix, root)
        for path in (config, f"{prefix}/sbin/cenote", f"{prefix}/share/doc/cenote/admin-guide.md"):
            if not (root / path[1:]).is_file():
                faults.append(f"{prefix}: {path} is not there")
        unit = (root / prefix[1:] / "lib/systemd/system/cenote.service").read_text()
        if f"ExecStart={prefix}/sbin/cenote serve --config {config}" not in unit:
            faults.append(f"{prefix}: the unit starts something else")
        # An edited configuration outlives the next installation.
        (root / config[1:]).write_text("listen: {}\n")
        install(cmake, build, prefix, root)
        if (root / config[1:]).read_text() != "listen: {}\n":
            faults.append(f"{prefix}: an edited configuration was overwritten")
    return faults


def main() -> int:
    faults = [fault for prefix, config in CASES.items() for fault in check(sys.argv[1], sys.argv[2], prefix, config)]
    print("\n".join(faults) or f"{len(CASES)} prefixes: all in place")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
