#!/usr/bin/env python3
"""Programs that people use against a running Cenote: real_clients.py [--table]

What is not installed is passed over and said so. Everything happens on loopback. CENOTE_BINARY names the binary. Exit 1
when a program that is there was not served well."""
import base64
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True  # the sources' folder stays as it is
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import wire  # noqa: E402
from servers import Cenote, free_port  # noqa: E402
from upstream import Upstreams  # noqa: E402

TRIALS = []
PLACES = os.environ.get("PATH", os.defpath) + ":/usr/lib/systemd:/lib/systemd"
PAGE = "a page that was found by name"


def trial(program, how):
    def keep(function):
        TRIALS.append((program, how, function))
        return function
    return keep


class NotHere(Exception):
    """Why this machine cannot try it."""


class Site:
    """Cenote, its upstreams, and a page whose name only they know."""

    def __init__(self):
        self.upstreams = Upstreams()
        self.upstream = self.upstreams.outer
        self.cenote = Cenote(self.upstreams)
        self.cenote.start()
        self.folder = self.cenote.folder
        self.web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=self.web.serve_forever, daemon=True).start()
        self.host = "page.inner.example"
        self.upstreams.inner.on(self.host, lambda query, over_tcp: [wire.reply(
            query.raw, [wire.a(query.qname, "127.0.0.1")] if query.qtype == wire.A else [],
            [] if query.qtype == wire.A else [wire.soa("inner.example")])])

    @property
    def url(self):
        return f"http://{self.host}:{self.web.server_port}/"

    @property
    def doh(self):
        return f"https://127.0.0.1:{self.cenote.https}/dns-query"

    def pin(self):
        """Of the server's key (RFC 7858 section 4.2)."""
        text = subprocess.run(["openssl", "x509", "-in", self.folder / "dns.crt", "-pubkey", "-noout"], check=True, capture_output=True).stdout
        der = base64.b64decode(b"".join(text.splitlines()[1:-1]))
        return base64.b64encode(hashlib.sha256(der).digest()).decode()

    def stop(self):
        self.web.shutdown()
        self.cenote.stop()
        self.upstreams.remove()


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"<p>{PAGE}".encode())

    def log_message(self, *arguments):
        pass


def run(*command, seconds=20, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=seconds, check=False, **options)
    return done.stdout + done.stderr


def has(text, *words):
    missing = [word for word in words if word not in text]
    return "" if not missing else f"no {missing[0]!r} in: {text.strip()[-400:]}"


@trial("dig", "UDP, with a cookie, NSID and a client subnet; the reason of a block")
def _(site):
    at = ["@127.0.0.1", "-p", site.cenote.port]
    first = run("dig", *at, "+nsid", "+cookie", "+subnet=192.0.2.0/24", "+dnssec", "www.example.com")
    return has(first, "status: NOERROR", "192.0.2.1", "(good)", "node-1") or has(
        run("dig", *at, "www.blocked.example"), "status: NXDOMAIN", "EDE: 15 (Blocked)", "incident")


@trial("dig", "TCP, kept open")
def _(site):
    text = run("dig", "@127.0.0.1", "-p", site.cenote.port, "+tcp", "+keepopen", "a.example.com", "b.example.com")
    return has(text, "a.example.com.", "b.example.com.", "(TCP)")


@trial("dig", "DNS over TLS; DNS over HTTPS by POST and GET")
def _(site):
    at = ["dig", "@127.0.0.1", "+tls-ca=" + str(site.folder / "dns.crt"), "+tls-hostname=dns.example"]
    return has(run(*at, "-p", site.cenote.tls, "+tls", "www.example.com"), "192.0.2.1", "(TLS)") or has(
        run(*at, "-p", site.cenote.https, "+https", "www.example.com"), "192.0.2.1", "(HTTPS)") or has(
        run(*at, "-p", site.cenote.https, "+https-get", "www.example.com"), "192.0.2.1", "(HTTPS-GET)")


@trial("kdig", "DNS over TLS, the certificate checked by name and by pin, with padding")
def _(site):
    at = ["kdig", "@127.0.0.1", "-p", site.cenote.tls, "+padding"]
    return has(run(*at, "+tls-ca=" + str(site.folder / "dns.crt"), "+tls-hostname=dns.example", "www.example.com"),
               "TLS session", "192.0.2.1", "PADDING") or has(
        run(*at, "+tls", f"+tls-pin={site.pin()}", "www.example.com"), "192.0.2.1")


@trial("kdig", "DNS over HTTPS by POST and GET")
def _(site):
    at = ["kdig", "@127.0.0.1", "-p", site.cenote.https, "+tls-ca=" + str(site.folder / "dns.crt"), "+tls-hostname=dns.example"]
    return has(run(*at, "+https", "www.example.com"), "HTTP session (HTTP/2-POST)", "status: 200", "192.0.2.1") or has(
        run(*at, "+https", "+https-get", "www.example.com"), "HTTP session (HTTP/2-GET)", "192.0.2.1")


@trial("drill", "UDP and TCP, with DO")
def _(site):
    at = ["-p", site.cenote.port, "-D"]
    return has(run("drill", *at, "www.example.com", "@127.0.0.1"), "NOERROR", "192.0.2.1") or has(
        run("drill", "-t", *at, "MX", "www.site.example", "@127.0.0.1"), "NOERROR", "SOA")


@trial("host", "names and addresses")
def _(site):
    return has(run("host", "-p", site.cenote.port, "www.example.com", "127.0.0.1"), "www.example.com has address 192.0.2.1")


@trial("nslookup", "what people type first")
def _(site):
    return has(run("nslookup", f"-port={site.cenote.port}", "www.example.com", "127.0.0.1"), "Address: 192.0.2.1")


@trial("dnsperf", "a second of load over UDP, TCP, TLS and HTTPS: nothing lost")
def _(site):
    (site.folder / "names").write_text("".join(f"n{i}.example.com A\n" for i in range(200)))
    for mode, port in (("udp", site.cenote.port), ("tcp", site.cenote.port), ("dot", site.cenote.tls), ("doh", site.cenote.https)):
        text = run("dnsperf", "-s", "127.0.0.1", "-p", port, "-m", mode, "-d", site.folder / "names", "-l", "1", "-c", "4", "-q", "20",
                   "-O", f"doh-uri={site.doh}", seconds=30)
        if why := has(text, "Queries lost:         0 (0.00%)", "NOERROR"):
            return f"{mode}: {why}"
    return ""


@trial("curl", "as its resolver over HTTPS (--doh-url)")
def _(site):
    return has(run("curl", "-s", "--doh-url", site.doh, "--cacert", site.folder / "dns.crt", "--doh-insecure", site.url), PAGE)


@trial("stubby", "a stub that forwards over TLS, name and pin checked, connections kept")
def _(site):
    port = free_port()
    (site.folder / "stubby.yml").write_text(f"""
resolution_type: GETDNS_RESOLUTION_STUB
dns_transport_list: [GETDNS_TRANSPORT_TLS]
tls_authentication: GETDNS_AUTHENTICATION_REQUIRED
tls_query_padding_blocksize: 128
edns_client_subnet_private: 1
idle_timeout: 10000
listen_addresses: [127.0.0.1@{port}]
tls_ca_file: "{site.folder}/dns.crt"
upstream_recursive_servers:
  - address_data: 127.0.0.1
    tls_port: {site.cenote.tls}
    tls_auth_name: "dns.example"
    tls_pubkey_pinset:
      - {{digest: "sha256", value: {site.pin()}}}
""")
    stub = subprocess.Popen(["stubby", "-C", site.folder / "stubby.yml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        return "".join(has(run("kdig", "@127.0.0.1", "-p", port, name), "NOERROR", "192.0.2.1") for name in ("s1.example.com", "s2.example.com"))
    finally:
        stub.terminate()
        stub.wait()


@trial("systemd-resolved", "the stub of a machine, by DNS and by DNS over TLS with the name checked (DNSOverTLS=yes)")
def _(site):
    script = pathlib.Path(__file__).with_name("resolved.py")
    done = subprocess.run(["unshare", "--net", "--mount", sys.executable, script, shutil.which("systemd-resolved", path=PLACES)],
                          capture_output=True, text=True, timeout=60, check=False)
    said = (done.stdout + done.stderr).strip()
    if done.returncode == 3 or said.startswith("unshare: "):  # it wants a root, and a network of its own
        raise NotHere(said)
    return "" if done.returncode == 0 else said or "it ended with a failure"


@trial("chromium", "with secure DNS (DNS over HTTPS alone): a page by name, a blocked name")
def _(site):
    home = site.folder / "home"
    store, profile = home / ".pki/nssdb", home / "profile"
    store.mkdir(parents=True)
    profile.mkdir()
    run("certutil", "-d", f"sql:{store}", "-N", "--empty-password")
    run("certutil", "-d", f"sql:{store}", "-A", "-t", "C,,", "-n", "dns", "-i", site.folder / "dns.crt")
    (profile / "Local State").write_text(json.dumps({"dns_over_https": {"mode": "secure", "templates": site.doh}}))

    def page(url):
        return run("chromium", "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", "--timeout=20000",
                   "--dump-dom", url, seconds=90, env=dict(os.environ, HOME=str(home)))
    why = has(page(site.url), PAGE)
    if why:
        return why
    blocked = page("http://www.blocked.example/")
    # Chromium 156 writes the error to its log, 150 shows a page that says what its own probe of the name found.
    is_unresolved = "net::ERR_NAME_NOT_RESOLVED" in blocked or re.search(r'"errorCode":"DNS_PROBE_[A-Z_]+"', blocked)
    return "" if is_unresolved else f"it does not say that the name cannot be resolved: {blocked.strip()[-400:]}"


def main():
    site = Site()
    rows, failed = [], 0
    try:
        for program, how, function in TRIALS:
            try:
                if shutil.which(program, path=PLACES) is None:
                    raise NotHere("not installed")
                why = function(site)
                failed += bool(why)
                rows.append((program, how, f"**no**: {why}" if why else "yes"))
            except NotHere as why:
                rows.append((program, how, f"not here: {why}"))
                print(f"SKIPPED: the real client {program}, {how}: {why}")
            except subprocess.TimeoutExpired:
                failed += 1
                rows.append((program, how, "**no**: no end in sight"))
            print(": ".join(rows[-1]), flush=True)
        if not site.cenote.is_alive():
            failed += 1
            print("THE SERVER DIED")
    finally:
        site.stop()
    if "--table" in sys.argv:
        print("\n".join(["| client | what it does | works |", "|---|---|---|", *("| " + " | ".join(row) + " |" for row in rows)]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
