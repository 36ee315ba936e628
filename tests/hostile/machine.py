"""A machine that has run out of something."""
import os
import resource
import shutil
import subprocess
import time
from pathlib import Path

from control import answer_of, request
from scenario import SLOWER, scenario
from tools import CLIENT, STRANGER, cached, framed, tcp, tls

DISK = 6  # MiB


class SmallDisk:
    """A tmpfs in a mount namespace of its own, which a sleeping process keeps."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.holder = subprocess.Popen(["unshare", "-m", "--propagation", "private", "sh", "-c",
                                        f"mount -t tmpfs -o size={DISK}m tmpfs '{folder}' && echo mounted && exec sleep 3600"],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.is_there = self.holder.stdout.readline().strip() == "mounted"

    @property
    def enter(self):
        """What runs a program there."""
        return ["nsenter", "-t", str(self.holder.pid), "-m", "--"]

    @property
    def inside(self):
        return Path(f"/proc/{self.holder.pid}/root{self.folder}")

    def fill(self, leave):
        free = os.statvfs(self.inside)
        size = free.f_bavail * free.f_frsize - leave
        if size > 0:
            (self.inside / "filler").write_bytes(bytes(size))

    def close(self):
        self.holder.kill()
        self.holder.wait()


@scenario(alone=True)
def full_disk(s):
    """The disk of state_dir fills up while changes come, and the server is killed: DNS is answered all the time, it starts on
    the full disk, and what was acknowledged is in force."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        s.skip("only root may mount a small disk")
    target = s.new_target()
    disk = SmallDisk(target.folder / "state")
    try:
        if not disk.is_there:
            s.skip(f"no disk can be mounted here: {disk.holder.stderr.read().strip()[:100]}")
        target.before = disk.enter
        target.prepare()
        fill_up(s, target, disk)
        target.kill()
    finally:
        disk.close()


def fill_up(s, target, disk):
    acknowledged, number = [], 0
    target.start()
    for round_ in range(s.rounds(4, 40)):
        (disk.inside / "filler").unlink(missing_ok=True)
        disk.fill(s.random.choice((0, s.random.randrange(60_000), s.random.randrange(400_000))))
        for _ in range(8):
            number += 1
            name = f"d{number}.pushed.example"
            try:
                status = target.api("PATCH", "/v1/feeds/pushed", {"add": [name]}, timeout=10 * SLOWER)[0]
            except OSError:
                status = 0
            if status == 200:
                acknowledged.append(name)
            s.count["acknowledged" if status == 200 else "refused"] += 1
            s.expect(status != 0 and target.is_alive(), f"round {round_}: no answer to a change on a full disk")
            answer = target.ask("bad.blocked.example")
            s.expect(answer is not None and answer.ede == 15, f"round {round_}: a question is not answered on a full disk")
        if s.random.random() < 0.6:
            target.kill()
            target.launch()
            if not s.expect(target.wait_until_ready(20 * SLOWER), f"round {round_}: it does not start on a full disk: {target.log()[-600:]}"):
                return
        for name in acknowledged[-20:]:
            answer = target.ask(name)
            s.expect(answer is not None and answer.ede == 15, f"round {round_}: {name} was acknowledged and is not blocked")
        if s.faults:
            return


FETCHED = """
  - {name: list, source: "file:blocked.txt", scope: suffix, category: malware, action: nxdomain}
  - {name: page, source: "file:page.txt", scope: suffix, category: phishing}
  - {name: pushed, format: plain, category: malware, action: nxdomain}
  - {name: web, source: "https://feeds.innocent.example:9/list", format: plain, category: malware, action: nxdomain}"""


def fill(ports, held):
    """Connections of every kind and of many addresses, until the server takes none any more."""
    refused = number = 0
    until = time.monotonic() + 15
    while refused < 12 and number < 600 and time.monotonic() < until:
        number += 1
        kind = ("dns", "dot", "doh", "page", "page_http", "api")[number % 6]
        try:
            source = f"127.0.8.{1 + number % 40}" if kind != "page" else STRANGER
            connection = tcp(ports[kind], source, 0.3) if kind in ("dns", "api", "page_http") else tls(ports[kind], source, "h2", 0.3)
            if kind == "dns":
                connection.sendall(framed(cached(number)))
                connection.recv(1)
            held.append(connection)
            refused = 0
        except OSError:
            refused += 1


@scenario(descriptors=300, workers=4, seconds=(6, 20), channels=("udp", "tcp", "dot", "doh"))  # 118 are its own
def no_descriptors(s):
    """Clients take every descriptor there is: whoever has a connection is answered, over UDP everybody is, and once they have
    gone, all is as before."""
    held = []
    fill(s.ports, held)
    s.figures["connections"] = len(held)
    until = time.monotonic() + s.seconds / 2
    while time.monotonic() < until:
        s.look()
        if not s.target.is_alive():
            return
        time.sleep(0.1)
    for connection in held:
        connection.close()
    time.sleep(0.5)
    s.expect(s.api("GET", "/healthz", token="reader")[0] == 200, "the control API does not come back")
    try:
        with tcp(s.ports["dns"], CLIENT) as client:
            client.sendall(framed(cached(1)))
            s.expect(client.recv(1) != b"", "TCP does not come back")
    except OSError as why:
        s.expect(False, f"TCP does not come back: {why}")


@scenario()
def second_start(s):
    """The server is started a second time on its own state folder, again and again: that one ends, and takes no question of the first."""
    for _ in range(s.rounds(4, 10)):
        done = subprocess.run([s.options.binary, "serve", "--config", str(s.target.folder / "cenote.yaml")], capture_output=True,
                              timeout=20 * SLOWER, check=False)
        s.expect(done.returncode == 1, f"the second one ended with {done.returncode}")
        time.sleep(0.1)


def leave_free(target, count):
    """Lowers the limit so that the process may open so many descriptors more."""
    taken = {int(number) for number in os.listdir(f"/proc/{target.process.pid}/fd")}
    limit = 0
    while count or limit in taken:
        count -= limit not in taken
        limit += 1
    resource.prlimit(target.process.pid, resource.RLIMIT_NOFILE, (limit, resource.prlimit(target.process.pid, resource.RLIMIT_NOFILE)[1]))


@scenario(site={"feeds": FETCHED}, seconds=(1, 1), channels=("udp", "tcp"))
def fetch_without_descriptors(s):
    """A feed is fetched while no descriptor is free, then one, and so on: the fetch may fail, nothing else does."""
    if b"__ubsan_handle" in Path(s.options.binary).read_bytes():
        s.skip("UBSan needs descriptors itself, to look at objects")
    control = tcp(s.ports["api"], "127.0.0.1")  # has its descriptor already
    control.sendall(request("GET", "/v1/status", "operator"))
    answer_of(control, 5)
    usual = resource.prlimit(s.target.process.pid, resource.RLIMIT_NOFILE)
    statuses = []
    for free in range(9):
        leave_free(s.target, free)
        try:
            control.sendall(request("POST", "/v1/feeds/web/refresh", "operator"))
            statuses.append(answer_of(control, 6 * SLOWER)[0])
        except OSError:
            statuses.append(0)
        time.sleep(0.1)
        if s.target.is_alive():
            resource.prlimit(s.target.process.pid, resource.RLIMIT_NOFILE, usual)
        if not s.target.is_alive():
            s.expect(False, f"it died with {free} descriptors free")
            return
        s.expect(statuses[-1] != 0, f"with {free} descriptors free, the refresh was not answered")
        if statuses[-1] == 0:
            control = tcp(s.ports["api"], "127.0.0.1")
    s.figures["statuses"] = statuses
    control.close()
