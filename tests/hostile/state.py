"""A state folder that is damaged, incomplete or left behind by a crash, and the real server on it."""
import http.client
import json
import re
import shutil
import signal
import threading
import time

import wire
from scenario import SLOWER, scenario
from target import UnixConnection

SAID = re.compile(r"^\S+Z (warning|error|critical) ", re.MULTILINE)
FEEDS = """
  - {name: c2, format: plain, category: c2, action: nxdomain}
  - {name: other, format: plain, category: malware, action: nxdomain}
  - {name: list, source: "file:blocked.txt", scope: suffix, category: malware, action: nxdomain}"""
# What was acknowledged: these are blocked, those are not.
BLOCKED = ["a.c2.example", "b.c2.example", "pc2.example.org", "o.example.org", "pother.example.org", "sother.example.org", "late.example.org"]
ALLOWED = ["removed.example.org", "b.other.example.org", "excepted.example.org"]
SITE = {"feeds": FEEDS, "guards": "{max_growth: off, max_shrink: off}"}


def built(s):
    """A server that has been through every kind of change and was killed."""
    target = s.new_target(site=SITE)
    target.start()

    def done(*call):
        status, answer = target.api(*call)
        if status != 200 and status != 201:
            raise RuntimeError(f"{call}: {status} {answer}")
    done("PUT", "/v1/feeds/other", "o.example.org\nb.other.example.org\nexcepted.example.org\n")
    done("PUT", "/v1/feeds/c2", "a.c2.example\nb.c2.example\nwww.google.com\n")
    done("POST", "/v1/feeds/c2/release", {"names": ["www.google.com"], "reason": "x"})
    done("PUT", "/v1/feeds/other", "o.example.org\nexcepted.example.org\n")
    done("PATCH", "/v1/feeds/other", {"add": ["pother.example.org", "removed.example.org"]})
    done("POST", "/v1/indicators", {"name": "sother.example.org", "feed": "other", "category": "malware", "reason": "x"})
    done("PATCH", "/v1/feeds/c2", {"add": ["pc2.example.org"]})
    done("PATCH", "/v1/feeds/other", {"remove": ["removed.example.org"]})
    done("POST", "/v1/exceptions", {"name": "excepted.example.org", "reason": "x"})
    done("PATCH", "/v1/feeds/c2", {"add": ["late.example.org"]})
    if wrong := wrong_names(target):
        raise RuntimeError(f"not in force before anything was damaged: {wrong}")
    target.kill()
    return target


def wrong_names(target):
    """Names that are not treated as was acknowledged."""
    found = []
    for name in BLOCKED + ALLOWED:
        answer = target.ask(name, timeout=3 * SLOWER)
        if answer is None:
            found.append(f"{name} unanswered")
        elif (answer.ede == 15) != (name in BLOCKED):
            found.append(name)
    return found


def damage(draw, folder):
    """One thing in one file; says what."""
    file = draw.choice(sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size and path.name != "lock"))
    data, name = bytearray(file.read_bytes()), file.relative_to(folder)
    kind = draw.choice(("bit", "bytes", "cut", "empty", "garbage", "gone", "folder", "zeros", "digit"))
    at = draw.randrange(len(data))
    if kind == "bit":
        data[at] ^= 1 << draw.randrange(8)
    elif kind == "bytes":
        data[at:at + 16] = draw.randbytes(len(data[at:at + 16]))
    elif kind == "cut":
        del data[at:]
    elif kind == "empty":
        data.clear()
    elif kind == "garbage":
        data = bytearray(draw.randbytes(len(data)))
    elif kind == "zeros":
        data[at:] = bytes(len(data) - at)
    elif kind == "digit":
        digits = [i for i, byte in enumerate(data) if 48 <= byte <= 57]
        if digits:
            data[draw.choice(digits)] = draw.randrange(48, 58)
    if kind in ("gone", "folder"):
        file.unlink()
        if kind == "folder":
            file.mkdir()
    else:
        file.write_bytes(data)
    return f"{kind} at {at} of {name}"


def started_on(s, target, what):
    """Starts on what was damaged: the log of this start, or None after noting what is wrong with it."""
    (target.folder / "log").write_text("")
    target.launch()
    is_ready = target.wait_until_ready(20 * SLOWER)
    log = target.log()
    if is_ready:
        return log
    code = target.process.poll()
    if code is None:
        s.expect(False, f"{what}: it hangs: {log[-500:]}")
        target.kill()
    elif code != 1:
        s.expect(False, f"{what}: it ended with {code}: {log[-800:]}")
    elif s.expect(len(log.strip()) > 20, f"{what}: it ended without a word"):
        s.count["refused to start, clearly"] += 1
    return None


@scenario(alone=True)
def corruption(s):
    """One random damage in one file of a state folder, again and again (--rounds, --seed): it starts with what was acknowledged,
    or says clearly what is lost, or why it does not start. It never crashes, hangs, or loses something silently."""
    target = built(s)
    template = target.folder / "template"
    shutil.copytree(target.folder / "state", template)
    for _ in range(s.rounds(12 if SLOWER > 1 else 20, 200)):
        shutil.rmtree(target.folder / "state")
        shutil.copytree(template, target.folder / "state")
        what = damage(s.random, target.folder / "state")
        log = started_on(s, target, what)
        if log is None:
            continue
        wrong = wrong_names(target)
        if not s.expect(target.is_alive(), f"{what}: it died with {target.process.poll()}: {target.log()[-800:]}"):
            continue
        if not wrong:
            s.count["the same policy"] += 1
        elif s.expect(SAID.search(log), f"{what}: {wrong} changed, and the log says nothing: {log[-600:]}"):
            s.count["said what is lost"] += 1
        target.kill()
    s.expect(not target.reports(), "\n".join(target.reports()[:3]))


@scenario(alone=True)
def strange_keys(s):
    """A key or certificate of the state folder is empty, nonsense, too long or a folder: another one is made, or the server says
    clearly why it does not start."""
    target = built(s)
    state, template = target.folder / "state", target.folder / "template"
    shutil.copytree(state, template)
    for file in sorted(path.name for path in template.iterdir() if path.suffix in (".key", ".crt")):
        kinds = {"empty": b"", "a folder": None} if s.is_quick else {"empty": b"", "nonsense": b"nonsense", "too long": bytes(100_000), "a folder": None}
        for kind, content in kinds.items():
            shutil.rmtree(state)
            shutil.copytree(template, state)
            if content is None:
                (state / file).unlink()
                (state / file).mkdir()
            else:
                (state / file).write_bytes(content)
            if started_on(s, target, f"{file} is {kind}") is not None:
                s.count["started"] += 1
                wrong = wrong_names(target)
                s.expect(not wrong, f"{file} is {kind}: {wrong} changed")
                target.kill()


@scenario(alone=True)
def missing_files(s):
    """The journal, its content, the manifest or both manifests are gone: that is said as an error, and contents are kept."""
    target = built(s)
    state, template = target.folder / "state", target.folder / "template"
    shutil.copytree(state, template)
    journals = [path.name for path in template.glob("journal-*")]

    def gone(*names):
        for name in names:
            (state / name).unlink(missing_ok=True)

    def emptied(*names):
        for name in names:
            (state / name).write_bytes(b"")
    for what, change, names in (("the journal is gone", gone, journals), ("the journal is empty", emptied, journals),
                                ("manifest.json is gone", gone, ["manifest.json"]), ("manifest.json is empty", emptied, ["manifest.json"]),
                                ("both manifests are gone", gone, ["manifest.json", "manifest.previous.json"])):
        shutil.rmtree(state)
        shutil.copytree(template, state)
        before = {path.name for path in (state / "contents").iterdir()}
        change(*names)
        log = started_on(s, target, what)
        if log is None:
            continue
        wrong = wrong_names(target)
        s.expect(not wrong or SAID.search(log), f"{what}: {wrong} changed, and the log says nothing")
        target.api("PATCH", "/v1/feeds/other", {"add": ["new.example.org"]})
        # What the start could not place is set aside under its name and one of these endings.
        lost = before - {path.name.removesuffix(".lost").removesuffix(".damaged") for path in state.rglob("*")}
        s.expect(not lost or not wrong, f"{what}: {len(lost)} of {len(before)} contents are deleted at the next change")
        left = {path.name for path in state.rglob("*")}
        if journals and change is gone and names == ["manifest.json"]:
            s.expect(not wrong or any(name.startswith(journal) for name in left for journal in journals), f"{what}: the journal was deleted")
        target.kill()


@scenario(alone=True)
def damaged_decision(s):
    """One byte of what a person has decided for one feed is damaged: the other feeds' changes stay, that one says so and takes
    a new list."""
    target = built(s)
    contents = [path for path in (target.folder / "state/contents").iterdir() if b"released" in path.read_bytes()[:4096]]
    if not contents:
        s.skip("the decisions are not kept as text")
    for path in contents:
        data = bytearray(path.read_bytes())
        data[data.index(b"released")] ^= 1
        path.write_bytes(data)
    log = started_on(s, target, "a damaged decision")
    if log is None:
        s.expect(False, "one feed's decisions keep the server from starting")
        return
    wrong = [name for name in wrong_names(target) if "c2" not in name and name != "late.example.org"]
    s.expect(not wrong, f"changes of other feeds are lost: {wrong}")
    if any("c2" in name or name == "late.example.org" for name in wrong_names(target)):
        s.expect(SAID.search(log), "changes of the feed are lost, and the log says nothing")
        feeds = {feed["name"]: feed for feed in target.api("GET", "/v1/feeds")[1]["feeds"]}
        s.expect(feeds["c2"].get("error"), "the feed shows no error")
    status, answer = target.api("PUT", "/v1/feeds/c2", "a.c2.example\nb.c2.example\nagain.c2.example\n")
    s.expect(status == 200, f"a new list is refused: {status} {str(answer)[:200]}")
    s.expect((target.ask("again.c2.example") or wire.Message(bytes(12))).ede == 15, "the new list is not in force")


class Pusher(threading.Thread):
    """Changes of one feed, one after the other; remembers the last that was acknowledged, and what was under way."""

    def __init__(self, target, feed):
        super().__init__(daemon=True)
        self.target, self.feed, self.number = target, feed, 0
        self.listed, self.maybe = set(), None  # in force; and after the change that got no answer
        self.count = 0

    def run(self):
        while True:
            self.number += 1
            if self.number % 4 == 0:
                now = {f"l{self.number}-{i}.{self.feed}.example" for i in range(20)}
                call = ("PUT", f"/v1/feeds/{self.feed}", "\n".join(sorted(now)) + "\n")
            else:
                added, removed = f"p{self.number}.{self.feed}.example", min(self.listed, default=None)
                now = (self.listed | {added}) - {removed}
                call = ("PATCH", f"/v1/feeds/{self.feed}", json.dumps({"add": [added], "remove": [removed] if removed else []}))
            self.maybe = now
            connection = UnixConnection(self.target.control, 10 * SLOWER)
            try:
                connection.request(call[0], call[1], call[2].encode())
                if connection.getresponse().status != 200:
                    return
            except (OSError, http.client.HTTPException):
                return
            finally:
                connection.close()
            self.listed, self.maybe = now, None
            self.count += 1


@scenario(alone=True)
def killed_while_pushing(s):
    """kill -9 while lists and small changes of two feeds come: after each new start all that was acknowledged is in force."""
    target = s.new_target(site=SITE)
    listed, deadline = {"c2": set(), "other": set()}, time.monotonic() + 600
    for number in range(s.rounds(6, 50)):
        target.start()
        for feed, names in listed.items():
            for name in sorted(names)[:10]:
                answer = target.ask(name, timeout=3 * SLOWER)
                s.expect(answer is not None and answer.ede == 15, f"round {number}: {name} was acknowledged and is not blocked")
        pushers = [Pusher(target, feed) for feed in listed]
        for pusher in pushers:
            pusher.number, pusher.listed = number * 100_000, set(listed[pusher.feed])
            pusher.start()
        time.sleep(s.random.uniform(0.02, 0.5) * SLOWER)
        target.process.send_signal(signal.SIGKILL)
        target.process.wait()
        for pusher in pushers:
            pusher.join(20 * SLOWER)
            s.count["acknowledged"] += pusher.count
            # What was under way may be in force or not: only names of both count.
            listed[pusher.feed] = pusher.listed if pusher.maybe is None else pusher.listed & pusher.maybe
        if time.monotonic() > deadline or s.faults:
            break
