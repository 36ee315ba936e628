"""A machine that has run out of something."""
import os
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
    while refused < 12 and number < 600:
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


def again(s):
    """Another connection to the control API; the server may not take it before a descriptor is free."""
    while s.target.is_alive():
        try:
            return tcp(s.ports["api"], "127.0.0.1")
        except OSError:
            time.sleep(0.1)
    return None


@scenario(descriptors=150, workers=4, seconds=(6, 20), channels=("udp", "tcp", "dot", "doh"), site={"feeds": FETCHED}, memory=32)
def no_descriptors(s):
    """Clients take every descriptor there is, then leave one, two, three free, and a feed is fetched each time: the fetch may
    fail, nothing else does; and once they have gone, all is as before."""
    held = []
    control = tcp(s.ports["api"], "127.0.0.1")  # has its descriptor already
    fill(s.ports, held)
    s.look()
    s.figures["connections"] = len(held)
    statuses = []
    for free in range(0, 7):
        for _ in range(free if free < 2 else 1):
            held.pop().close()
        time.sleep(0.2)
        try:
            control.sendall(request("POST", "/v1/feeds/web/refresh", "operator"))
            statuses.append(answer_of(control, 3 * SLOWER)[0])
        except OSError:
            statuses.append(0)
        s.look()
        if not s.target.is_alive():
            s.expect(False, s.obituary())
            return
        if statuses[-1] == 0:  # not answered, or cut as idle
            control.close()
            control = again(s)
    if not s.target.is_alive():
        s.expect(False, s.obituary())
        return
    s.figures["statuses"] = statuses
    for connection in held:
        connection.close()
    control.close()
    time.sleep(0.5)
    s.expect(s.api("GET", "/healthz", token="reader")[0] == 200, "the control API does not come back")
    with tcp(s.ports["dns"], CLIENT) as client:
        client.sendall(framed(cached(1)))
        s.expect(client.recv(1) != b"", "TCP does not come back")
