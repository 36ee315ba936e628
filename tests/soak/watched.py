"""The server under soak, and what the kernel says of it: descriptors by kind, memory, datagrams dropped for want of room."""
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))
from servers import certificates, free_port  # noqa: E402

TCP_LISTEN = "0A"


class Watched:
    def __init__(self, binary, folder, upstream_ports, tls_upstream_port):
        self.binary, self.folder = binary, Path(folder)
        self.upstream_ports, self.tls_upstream_port = upstream_ports, tls_upstream_port
        self.ports = {kind: free_port() for kind in ("dns", "dot", "doh")}
        self.control = self.folder / "control.sock"
        self.certificate = certificates.for_dns(self.folder)
        self.is_sanitized = b"__asan_init" in Path(binary).read_bytes()
        self.process = None

    def configure(self):
        (self.folder / "blocked.txt").write_text("blocked.example\n")
        first, second = (f'"udp://127.0.0.1:{port}"' for port in self.upstream_ports)
        (self.folder / "cenote.yaml").write_text(f"""
state_dir: {self.folder}/state
listen:
  dns: ["127.0.0.1:{self.ports['dns']}"]
  dot: ["127.0.0.1:{self.ports['dot']}"]
  doh: ["127.0.0.1:{self.ports['doh']}"]
  workers: 2
tls: {{certificate: {self.certificate[0]}, key: {self.certificate[1]}}}
upstream:
  - {{zone: ".", servers: [{first}, {second}], mix_case: true, cookies: true}}
  - {{zone: tls.example, servers: ["tls://127.0.0.1:{self.tls_upstream_port}#dns.example"], ca: {self.certificate[0]}}}
cache: {{size: 8MiB}}
rebinding: {{guard: on}}
guards: {{max_growth: off, max_shrink: off}}
feeds:
  - {{name: list, source: "file:blocked.txt", scope: suffix, category: malware, action: nxdomain}}
  - {{name: pushed, format: plain, category: malware, action: nxdomain}}
blockpage: {{http: [], https: []}}
control: {{socket: {self.control}, http: []}}
events: {{file: {self.folder}/events.jsonl, rate: 0}}
""")

    def start(self):
        self.configure()
        # A small quarantine: what was freed must not look like what is kept.
        environment = dict(os.environ, ASAN_OPTIONS="quarantine_size_mb=8:detect_leaks=1:exitcode=23")
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen([self.binary, "serve", "--config", self.folder / "cenote.yaml"],
                                            stdout=log, stderr=log, env=environment)
        deadline = time.monotonic() + 60
        while not self.control.exists():
            if not self.is_alive() or time.monotonic() > deadline:
                raise SystemExit(f"the server did not start:\n{self.log()}")
            time.sleep(0.05)
        time.sleep(0.5)

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def is_alive(self):
        return self.process.poll() is None

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        """The exit code; with LeakSanitizer not 0 when something leaked."""
        if self.is_alive():
            self.process.terminate()
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "it did not end within a minute of SIGTERM"

    def memory(self):
        """MiB: what is its own (a mapped policy is the page cache's), and all that is resident."""
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines())
        return int(lines["RssAnon"].split()[0]) / 1024, int(lines["VmRSS"].split()[0]) / 1024

    def starved(self):
        """Seconds for which its busiest threads waited for a processor, of each the sum since it began (proc(5), schedstat)."""
        folder = Path(f"/proc/{self.process.pid}/task")
        return max(int((task / "schedstat").read_text().split()[1]) for task in folder.iterdir()) / 1e9

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def descriptors(self):
        """By kind: 'tcp listening', 'tcp', 'udp listening', 'udp', 'unix', and files by their names."""
        kinds = Counter()
        sockets = self._sockets()
        folder = f"/proc/{self.process.pid}/fd"
        for number in os.listdir(folder):
            try:
                target = os.readlink(f"{folder}/{number}")
            except OSError:
                continue
            if target.startswith("socket:["):
                kinds[sockets.get(target[8:-1], "socket of another kind")] += 1
            else:
                kinds[re.sub(r"-\d+$", "", Path(target).name) if target.startswith("/") else target.split(":")[0]] += 1
        return kinds

    def _sockets(self):
        found = {}
        ours = set(self.ports.values())
        for protocol in ("tcp", "tcp6", "udp", "udp6"):
            for line in Path(f"/proc/net/{protocol}").read_text().splitlines()[1:]:
                fields = line.split()
                kind = protocol[:3]
                is_listening = fields[3] == TCP_LISTEN if kind == "tcp" else int(fields[1].split(":")[1], 16) in ours
                found[fields[9]] = f"{kind} listening" if is_listening else kind
        for line in Path("/proc/net/unix").read_text().splitlines()[1:]:
            found[line.split()[6]] = "unix"
        return found

    def dropped(self):
        """Questions that the kernel had no room for on the listening sockets: nobody could answer them."""
        return sum(int(fields[12]) for fields in (line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:])
                   if int(fields[1].split(":")[1], 16) == self.ports["dns"])
