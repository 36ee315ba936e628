"""Free ports: any, or within CENOTE_PORTS ("25000-25999") on a machine that others use."""
import itertools
import os
import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))
import servers  # noqa: E402

first, last = (int(part) for part in os.environ.get("CENOTE_PORTS", "0-0").split("-"))
_next = itertools.cycle(range(first, last + 1))


def free_port():
    if not last:
        return servers.free_port()
    for _ in range(last - first + 1):
        port = next(_next)
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError(f"no free port within {first}-{last}")
