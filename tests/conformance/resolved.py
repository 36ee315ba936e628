#!/usr/bin/env python3
"""systemd-resolved as the stub of a machine whose only DNS is Cenote: resolved.py PROGRAM, as root in namespaces of its
own (unshare --net --mount). It needs neither systemd nor D-Bus, but its user, a link that is up besides the loopback,
and /run. What went wrong is printed; nothing, when all was well; exit 3 when it cannot be tried here."""
import os
import pathlib
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
from real_clients import Site, has, run  # noqa: E402

ADDRESS = "192.0.2.77"  # of the link; Cenote is on the loopback
STUB = ["dig", "@127.0.0.53", "+tries=1", "+time=5"]


def prepare():
    """A network of one link, and a file system in which /run, its settings and its user are ours."""
    for command in (("ip", "link", "set", "lo", "up"), ("ip", "link", "add", "wire0", "type", "veth", "peer", "name", "wire1"),
                    ("ip", "address", "add", f"{ADDRESS}/24", "dev", "wire0"), ("ip", "link", "set", "wire0", "up"),
                    ("ip", "link", "set", "wire1", "up"), ("mount", "-t", "tmpfs", "tmpfs", "/run"),
                    ("mount", "-t", "tmpfs", "tmpfs", "/etc/systemd")):
        subprocess.run(command, check=True, capture_output=True)
    for name, line in (("passwd", "systemd-resolve:x:989:989::/:/usr/sbin/nologin"), ("group", "systemd-resolve:x:989:")):
        lines = [kept for kept in pathlib.Path("/etc", name).read_text().splitlines() if not kept.startswith("systemd-resolve:")]
        pathlib.Path("/run", name).write_text("\n".join([*lines, line, ""]))
        subprocess.run(["mount", "--bind", f"/run/{name}", f"/etc/{name}"], check=True, capture_output=True)
    pathlib.Path("/run/systemd").mkdir()


def ask_through(program, site, server, over_tls):
    """What is wrong with the answers that resolved gives for that server."""
    pathlib.Path("/etc/systemd/resolved.conf").write_text(
        f"[Resolve]\nDNS={server}\nFallbackDNS=\nDomains=~.\nDNSOverTLS={over_tls}\nDNSSEC=no\nCache=no\nLLMNR=no\nMulticastDNS=no\n")
    authority = pathlib.Path("/run/dns.crt")  # where its user can read it; its trust in servers is OpenSSL's
    authority.write_bytes((site.folder / "dns.crt").read_bytes())
    with open(site.folder / "resolved.out", "wb") as out:
        resolved = subprocess.Popen([program], stdout=out, stderr=out, env=dict(os.environ, SSL_CERT_FILE=str(authority)))
    try:
        deadline = time.monotonic() + 10
        while "status: NOERROR" not in run(*STUB, "localhost") and time.monotonic() < deadline:
            time.sleep(0.1)
        return has(run(*STUB, "www.example.com"), "status: NOERROR", "192.0.2.1") or has(
            run(*STUB, "+tcp", "mail.example.com"), "status: NOERROR", "192.0.2.1") or has(
            run(*STUB, site.host), "127.0.0.1") or has(run(*STUB, "www.blocked.example"), "status: NXDOMAIN")
    finally:
        resolved.terminate()
        resolved.wait()


def main():
    try:
        prepare()
    except subprocess.CalledProcessError as refused:
        print(f"{' '.join(refused.cmd)}: {refused.stderr.decode().strip()}")
        return 3
    site = Site()
    try:
        for server, over_tls in ((f"127.0.0.1:{site.cenote.port}", "no"), (f"127.0.0.1:{site.cenote.tls}#dns.example", "yes")):
            if why := ask_through(sys.argv[1], site, server, over_tls):
                print(f"with DNSOverTLS={over_tls}: {why}")
                return 1
    finally:
        site.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
