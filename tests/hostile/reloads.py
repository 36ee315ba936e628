"""Configuration that is read again and again under load. Best run with a binary under AddressSanitizer or ThreadSanitizer, too."""
import http.client
import json
import os
import shutil
import socket
import threading
import time

import wire
from control import answer_of, request
from scenario import SLOWER, scenario
from target import TOKENS, UnixConnection, sections_of
from tools import CLIENT, datagrams, paced, tcp, try_send

GROUPS = ["{name: three, from: [127.0.3.0/24], actions: {suspicious: monitor}}", "{name: four, from: [127.0.4.0/24], actions: {malware: refuse}}",
          "{name: five, from: [127.0.5.0/24], actions: {phishing: nxdomain}}"]


def variant(s, draw):
    """What differs from the last configuration: groups, zones, certificates, tokens, the log."""
    groups = draw.sample(GROUPS, draw.randint(0, len(GROUPS)))
    base = sections_of(s.target)
    zones = [f"\n  - {{zone: z{i}.example, servers: [\"udp://127.0.0.1:{s.target.upstream_ports[i % 2]}\"]}}" for i in range(draw.randint(0, 6))]
    draw.shuffle(zones)
    tokens = {name: scopes for name, scopes in TOKENS.items() if draw.random() < 0.7}
    s.target.write_tokens(tokens)
    if draw.random() < 0.3:
        pair = draw.choice((s.target.certificate, s.pair))
        for source, end in zip(pair, ("crt", "key")):
            shutil.copy(source, s.target.folder / f"now.{end}.new")
            os.replace(s.target.folder / f"now.{end}.new", s.target.folder / f"now.{end}")
    s.target.configure(
        clients=f"{{allow: [127.0.0.0/16], groups: [{', '.join(groups)}]}}",
        upstream=base["upstream"] + "".join(zones),
        tls="{certificate: now.crt, key: now.key}",
        log=f"{{level: {draw.choice(('info', 'debug', 'warning', 'trace'))}, format: {draw.choice(('text', 'json'))}}}",
        names=f"{{version: \"{draw.choice(('', 'a', 'b'))}\"}}",
        protect=f"[{draw.choice(('', 'own.example', 'own.example, other.example'))}]",
        exceptions=draw.choice(("[]", "[{name: fine.example, reason: x}]")))


def wait_in_groups(attack):
    """Questions of clients of each group that wait at a slow upstream while the groups change; counts those that are never answered."""
    waiting, late = {}, []
    socks = [datagrams(f"127.0.{group}.7", attack.ports["dns"]) for group in (3, 4, 5)]
    numbers = iter(range(10**9))

    def send():
        number = next(numbers) % 65536
        sock = socks[number % len(socks)]
        name = f"slow{attack.random.choice((50, 200, 600))}-{attack.random.getrandbits(40)}.{attack.random.choice(('bad', 'watch'))}.example"
        if try_send(sock, wire.query(name, id=number)):
            attack.count["datagrams"] += 1
            waiting[number] = (sock, wire.query(name, id=number), time.monotonic())
        read_answers()

    def read_answers():
        for sock in socks:
            try:
                while True:
                    waiting.pop(int.from_bytes(sock.recv(4096)[:2], "big"), None)
            except OSError:
                pass
    until, attack.until = attack.until, attack.until - min(0.3, attack.left / 4)
    paced(attack, 200, send)
    attack.until = until
    deadline = time.monotonic() + 3 * SLOWER
    while waiting and time.monotonic() < deadline:
        time.sleep(0.02)
        read_answers()
    late += waiting
    attack.count["unanswered in groups"] += len(late)


def push_all_the_time(attack, control, feed):
    number = 0
    while attack.goes_on():
        number += 1
        connection = UnixConnection(control, 20 * SLOWER)
        try:
            if attack.random.random() < 0.2:
                connection.request("PUT", f"/v1/feeds/{feed}", "".join(f"l{number}x{i}.watch.example\n" for i in range(50)).encode())
            else:
                connection.request("PATCH", f"/v1/feeds/{feed}", json.dumps({"add": [f"s{number}.watch.example"]}).encode())
            attack.count[f"pushes with {connection.getresponse().status}"] += 1
        except (OSError, http.client.HTTPException):
            attack.count["pushes without an answer"] += 1
        finally:
            connection.close()
        time.sleep(0.01)


def crowd_of_lists(attack):
    """More lists at once than are taken in: what the web thread then writes to the log meets the reload."""
    request = b"PUT /v1/feeds/mon HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nslow.example\n"
    while attack.goes_on():
        held = []
        for _ in range(24):
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(attack.extra["control"])
                connection.sendall(request)
                held.append(connection)
            except OSError:
                connection.close()
        time.sleep(0.05)
        for connection in held:
            connection.close()


def storm(s, crowd):
    if not hasattr(s.target, "pair"):
        s.target.pair = s.target.second_certificate()
    s.pair = s.target.pair
    for source, end in zip(s.target.certificate, ("crt", "key")):
        shutil.copy(source, s.target.folder / f"now.{end}")
    for _ in range(2):
        s.attack(wait_in_groups)
    s.target.api("PUT", "/v1/feeds/mon", "watch.example\n")  # which the groups treat in their own ways
    for _ in range(2):
        s.attack(push_all_the_time, str(s.target.control), "two")
    if crowd:
        s.attack(crowd_of_lists, control=str(s.target.control))
    reloads = 0

    def reload():
        nonlocal reloads
        variant(s, s.random)
        s.target.reload()
        reloads += 1
        return s.random.uniform(0.02, 0.05)
    s.storm(reload)
    s.figures["reloads"] = reloads
    s.target.configure()
    s.target.write_tokens(TOKENS)
    s.target.reload()
    time.sleep(0.3)
    s.expect(s.count["unanswered in groups"] == 0, f"{s.count['unanswered in groups']} questions of grouped clients were never answered")
    s.expect(s.count["pushes with 200"] > 0, "no push came through")
    good = ("pushes with 200", "pushes with 503") if crowd else ("pushes with 200",)
    bad = {key: value for key, value in s.count.items() if key.startswith("pushes with") and key not in good}
    s.expect(not bad, f"pushes failed: {bad}")


# A push waits for the reload before it, which reads all lists.
SLOW_PUSHES = {"push": 2000}


@scenario(seconds=(8, 40), memory=64, site={"guards": "{max_growth: off, max_shrink: off}"}, bounds=SLOW_PUSHES)
def under_load(s):
    """SIGHUP every 20 to 50 ms with other groups, zones, certificates, tokens and log settings, while questions of grouped
    clients wait at a slow upstream and pushes come: every question and push is answered."""
    storm(s, crowd=False)


@scenario(seconds=(4, 20), memory=64, site={"guards": "{max_growth: off, max_shrink: off}"}, bounds=SLOW_PUSHES)
def while_the_web_thread_logs(s):
    """The same while more lists come at once than there is room for, which each time is logged."""
    storm(s, crowd=True)


@scenario(site={"guards": "{max_growth: off, max_shrink: off}"})
def revoked_follower(s):
    """A token is taken back while it follows the hits: it hears nothing more."""
    with tcp(s.ports["api"], CLIENT) as follower:
        follower.sendall(request("GET", "/v1/hits?follow=1", "reader"))
        s.expect(answer_of(follower, 5)[0] == 200, "it could not follow")
        s.target.write_tokens({name: scopes for name, scopes in TOKENS.items() if name != "reader"})
        s.target.reload()
        until = time.monotonic() + 10 * SLOWER
        while s.api("GET", "/v1/status", token="reader")[0] != 401 and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.5 * SLOWER)
        s.target.ask("revoked.blocked.example", source="127.0.0.8")
        follower.settimeout(0.2)
        heard, until = b"", time.monotonic() + 1
        while time.monotonic() < until:
            try:
                heard += (piece := follower.recv(65536))
                if not piece:
                    break
            except socket.timeout:
                continue
            except OSError:
                break
        s.expect(b"revoked.blocked" not in heard, "it still hears of hits")
    s.target.write_tokens(TOKENS)
    s.target.reload()
    time.sleep(0.3)


@scenario(alone=True)
def groups_taken_away(s):
    """A grouped client's question waits at the upstream when the configuration loses its groups: it is answered."""
    for attempt in range(s.rounds(2, 5)):
        target = s.new_target(site={"clients": f"{{allow: [127.0.0.0/16], groups: [{GROUPS[0]}]}}"})
        target.start()
        target.api("PUT", "/v1/feeds/mon", "watch.example\n")
        answers = []
        asked = threading.Thread(target=lambda: answers.append(target.ask("slow800.watch.example", source="127.0.3.7", timeout=5 * SLOWER)))
        asked.start()
        time.sleep(0.3)
        target.configure(clients="{allow: [127.0.0.0/16]}")
        target.reload()
        asked.join()
        s.target = target
        if not target.is_alive():
            s.expect(False, s.obituary())
            return
        s.expect(answers[0] is not None and answers[0].addresses(), f"attempt {attempt}: no answer")
        target.kill()
