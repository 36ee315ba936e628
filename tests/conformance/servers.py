"""Starts the server under test on free loopback ports, forwarding everything to the scripted upstream."""
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import wire

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import certificates  # noqa: E402


def free_port():
    for _ in range(100):
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")


class Server:
    """A process, its ports and its folder. `tls` and `https` are None where the server was not given them."""
    title = ""

    def __init__(self, upstreams):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="conformance-"))
        self.port = free_port()
        self.tls = free_port()
        self.https = free_port()
        self.upstreams = upstreams
        self.upstream_port = upstreams.outer.port
        self.inner_port = upstreams.inner.port
        self.process = None
        self.workers = 0  # as many as by default

    def start(self):
        command = self.configure()
        with open(self.folder / "out", "wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, cwd=self.folder)
        deadline = time.monotonic() + 30
        probe = wire.query("localhost")
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            with socket.socket(type=socket.SOCK_DGRAM) as client:
                client.settimeout(0.2)
                try:
                    client.connect(("127.0.0.1", self.port))
                    client.send(probe)
                    client.recv(4096)
                    return
                except OSError:
                    time.sleep(0.05)
        raise RuntimeError(f"{self.title} did not start:\n{(self.folder / 'out').read_text()}")

    def is_alive(self):
        return self.process.poll() is None

    def stop(self):
        if self.process and self.is_alive():
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Cenote(Server):
    title = "Cenote"

    def configure(self):
        certificate, key = certificates.for_dns(self.folder)
        (self.folder / "list.txt").write_text("blocked.example\n")
        certificates.for_client(self.folder, "kiosk-7.clients.example")
        (self.folder / "cenote.yaml").write_text(f"""
state_dir: {self.folder}/state
listen:
  dns: ["127.0.0.1:{self.port}"]
  dot: ["127.0.0.1:{self.tls}"]
  doh: ["127.0.0.1:{self.https}"]
{f'  workers: {self.workers}' if self.workers else ''}
  proxies: ["127.0.0.9"]
tls: {{certificate: {certificate}, key: {key}, client_ca: clients-ca.crt}}
clients:
  names_by_path: true
  groups:
    - {{name: kiosks, names: [kiosk-8, "*.clients.example"], actions: {{malware: refuse}}}}
upstream:
  - zone: "."
    servers: ["udp://127.0.0.1:{self.upstream_port}"]
  - zone: inner.example
    servers: ["udp://127.0.0.1:{self.inner_port}"]
  - zone: trusted.example
    servers: ["udp://127.0.0.1:{self.inner_port}"]
    trust_ad: true
  - zone: mixed.example
    servers: ["udp://127.0.0.1:{self.inner_port}"]
    mix_case: true
  - zone: cookie.example
    servers: ["udp://127.0.0.1:{self.inner_port}"]
    cookies: true
  - zone: old.example
    servers: ["udp://127.0.0.1:{self.upstreams.old.port}"]
  - zone: renewed.example
    servers: ["udp://127.0.0.1:{self.upstreams.renewed.port}"]
  - zone: closing.example
    servers: ["tcp://127.0.0.1:{self.upstreams.closing.port}"]
  - zone: closing-tls.example
    servers: ["tls://127.0.0.1:{self.upstreams.closing_tls.port}#dns.example"]
    ca: {self.upstreams.certificate}
names:
  identity: node-1
  records:
    - own-alias.site.example. 300 IN CNAME www.outside.example.
    - own-chain.site.example. 300 IN CNAME own-alias.site.example.
    - own-inside.site.example. 300 IN CNAME own-host.site.example.
    - own-host.site.example. 300 IN A 192.0.2.77
    - own-circle.site.example. 300 IN CNAME own-circle-2.site.example.
    - own-circle-2.site.example. 300 IN CNAME own-circle.site.example.
    - own-blocked.site.example. 300 IN CNAME www.blocked.example.
rebinding: {{guard: on, allow: [allowed.example]}}
feeds:
  - {{name: list, source: "file:list.txt", scope: suffix, category: malware, action: nxdomain}}
blockpage: {{http: [], https: [], organisation: 'Example "K.K."', contact: {{mail: csirt@example.org, phone: "+81 3-1234-5678"}}}}
control: {{socket: {self.folder}/control.sock, http: [], tokens: {self.folder}/tokens.yaml}}
events: {{file: ""}}
{self.more()}""")
        return [os.path.abspath(os.environ["CENOTE_BINARY"]), "serve", "--config", str(self.folder / "cenote.yaml")]

    def more(self):
        return ""


class Unbound(Server):
    title = "Unbound"

    def configure(self):
        certificate, key = certificates.for_dns(self.folder)
        version = subprocess.run(["unbound", "-V"], capture_output=True, text=True, check=True).stdout
        if "nghttp2" not in version:
            self.https = None  # as Debian builds it
        (self.folder / "unbound.conf").write_text(f"""
server:
  directory: "{self.folder}"
  pidfile: "{self.folder}/pid"
  chroot: ""
  username: ""
  use-syslog: no
  interface: 127.0.0.1@{self.port}
  interface: 127.0.0.1@{self.tls}
  tls-port: {self.tls}
  tls-service-key: "{key}"
  tls-service-pem: "{certificate}"
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  module-config: "iterator"
  num-threads: 1
  hide-version: yes
  identity: node-1
  nsid: ascii_node-1
  serve-expired: yes
  serve-expired-client-timeout: 1800
  ede: yes
  ede-serve-expired: yes
  edns-tcp-keepalive: yes
  private-address: 0.0.0.0/8
  private-address: 10.0.0.0/8
  private-address: 100.64.0.0/10
  private-address: 127.0.0.0/8
  private-address: 169.254.0.0/16
  private-address: 172.16.0.0/12
  private-address: 192.168.0.0/16
  private-address: ::ffff:0:0/96
  private-address: ::1
  private-address: fd00::/8
  private-address: fe80::/10
  private-domain: allowed.example
  private-domain: inner.example
  incoming-num-tcp: 100
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{self.upstream_port}
forward-zone:
  name: "inner.example"
  forward-addr: 127.0.0.1@{self.inner_port}
forward-zone:
  name: "old.example"
  forward-addr: 127.0.0.1@{self.upstreams.old.port}
forward-zone:
  name: "closing.example"
  forward-tcp-upstream: yes
  forward-addr: 127.0.0.1@{self.upstreams.closing.port}
forward-zone:
  name: "closing-tls.example"
  forward-tls-upstream: yes
  forward-addr: 127.0.0.1@{self.upstreams.closing_tls.port}
remote-control:
  control-enable: no
{f"server:{chr(10)}  interface: 127.0.0.1@{self.https}{chr(10)}  https-port: {self.https}" if self.https else ""}
""")
        return ["unbound", "-d", "-c", str(self.folder / "unbound.conf")]


class Knot(Server):
    title = "Knot Resolver"

    def configure(self):
        certificate, key = certificates.for_dns(self.folder)
        (self.folder / "kresd.conf").write_text(f"""
net.listen('127.0.0.1', {self.port}, {{ kind = 'dns' }})
net.listen('127.0.0.1', {self.tls}, {{ kind = 'tls' }})
net.listen('127.0.0.1', {self.https}, {{ kind = 'doh2' }})
net.tls("{certificate}", "{key}")
modules = {{ 'nsid', 'policy', 'hints > iterate', 'serve_stale < cache', 'rebinding < iterate' }}
nsid.name('node-1')
cache.size = 20 * MB
cache.min_ttl(0)
trust_anchors.remove('.')
policy.add(policy.suffix(policy.STUB({{'127.0.0.1@{self.inner_port}'}}), policy.todnames({{'inner.example'}})))
policy.add(policy.suffix(policy.STUB({{'127.0.0.1@{self.upstreams.old.port}'}}), policy.todnames({{'old.example'}})))
policy.add(policy.suffix(policy.STUB({{'127.0.0.1@{self.upstreams.closing.port}'}}), policy.todnames({{'closing.example'}})))
policy.add(policy.suffix(policy.TLS_FORWARD({{{{'127.0.0.1@{self.upstreams.closing_tls.port}', insecure=true}}}}), policy.todnames({{'closing-tls.example'}})))
-- Not for all names: that would go before its own rules for special ones.
policy.add(policy.suffix(policy.STUB({{'127.0.0.1@{self.upstream_port}'}}), policy.todnames({{
  'example', 'com', '63.100.in-addr.arpa', '128.100.in-addr.arpa', '15.172.in-addr.arpa', '32.172.in-addr.arpa', '8.in-addr.arpa' }})))
""")
        return ["kresd", "-n", "-q", "-c", str(self.folder / "kresd.conf"), str(self.folder)]


SERVERS = {"cenote": Cenote, "unbound": Unbound, "knot": Knot}
