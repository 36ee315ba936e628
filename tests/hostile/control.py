"""Those who have a token, and want more."""
import socket
import threading
import time

from scenario import SLOWER, scenario
from target import token_of
from tools import CLIENT, tcp


def request(method, path, token, body=b"", size=None, more=""):
    return (f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token_of(token)}\r\n{more}"
            f"Content-Length: {len(body) if size is None else size}\r\n\r\n").encode() + body


def answer_of(connection, patience):
    """The status and the seconds until it came; 0: none."""
    began = time.monotonic()
    connection.settimeout(patience)
    try:
        head = connection.recv(4096)
        return int(head.split()[1]) if head else 0, time.monotonic() - began
    except (OSError, IndexError, ValueError):
        return 0, time.monotonic() - began


def slow_upload(attack, token, connections):
    held = []
    for _ in range(connections):
        connection = tcp(attack.ports["api"], CLIENT)
        connection.sendall(request("PUT", "/v1/feeds/mon", token, size=200_000_000))
        held.append(connection)
    while attack.goes_on():
        for connection in list(held):
            try:
                connection.sendall(b"slow.example\n" * 17)
            except OSError:
                attack.count["cut"] += 1
                held.remove(connection)
        time.sleep(0.2)


@scenario(memory=48, seconds=(3, 8))
def slow_uploads(s):
    """A token for one feed opens 20 uploads that take hours: everybody else's lists still come in."""
    s.attack(slow_upload, "mon-pusher", 20)
    time.sleep(0.7)
    statuses = []

    def push():
        began = time.monotonic()
        statuses.append(s.api("PUT", "/v1/feeds/two", "a.two.example\nb.two.example\n", timeout=5 * SLOWER)[0])
        s.figures["list push"] = f"{(time.monotonic() - began) * 1000:.0f} ms"
        statuses.append(s.api("PUT", "/v1/feeds/two", "a.two.example\n", token="operator", timeout=5 * SLOWER)[0])
        return 0.5
    s.storm(push)
    s.expect(set(statuses) == {200}, f"list pushes of others got {sorted(set(statuses))}")


def send_brackets(attack, token, body):
    while attack.goes_on():
        connection = tcp(attack.ports["api"], CLIENT, 120)
        try:
            connection.sendall(request("POST", "/v1/indicators", token, body))
        except OSError:
            attack.count["cut"] += 1
        status, took = answer_of(connection, 60)
        attack.count[f"status {status}"] += 1
        attack.count["slowest, ms"] = max(attack.count["slowest, ms"], int(took * 1000))
        connection.close()
        time.sleep(0.01)


@scenario(memory=64)
def brackets(s):
    """A token that may only read sends 16 MiB of open brackets, or of small arrays: it is refused by the head, nobody waits."""
    s.attack(send_brackets, "reader", b"[" * (16 * 2**20 - 100))
    s.attack(send_brackets, "reader", b'{"x":[' + b"[]," * 5_000_000 + b"1]}")


@scenario(memory=64)
def brackets_of_pushers(s):
    """The same from a token that may push, whose bodies are read: a depth that no real body has is refused, nobody waits."""
    s.attack(send_brackets, "mon-pusher", b'{"feed":"mon","name":' + b"[" * (16 * 2**20 - 100))
    s.attack(send_brackets, "mon-pusher", b'{"feed":"mon","name":' + b'{"a":' * 3_000_000)


def follow(attack, method, connections):
    held = []
    for _ in range(connections):
        connection = tcp(attack.ports["api"], CLIENT)
        connection.sendall(request(method, "/v1/hits?follow=1", "reader"))
        held.append(connection)
        attack.count[f"status {answer_of(connection, 5)[0]}"] += 1
    while attack.goes_on():
        time.sleep(0.05)


@scenario(seconds=(2, 4))
def followers(s):
    """One token follows the hits forty times, with GET and HEAD: another one still finds a place."""
    s.attack(follow, "GET", 40)
    s.attack(follow, "HEAD", 40)
    time.sleep(1)
    for token in ("operator", None):
        if token:
            connection = tcp(s.ports["api"], "127.0.0.8")
            connection.sendall(request("GET", "/v1/hits?follow=1", token))
        else:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(str(s.target.control))
            connection.sendall(b"GET /v1/hits?follow=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status = answer_of(connection, 5)[0]
        connection.close()
        s.expect(status == 200, f"a follower with {token or 'the socket'} got {status}")


@scenario()
def hidden_entries(s):
    """A token for a feed that only monitors lists forty names, one below the other, under a blocked one: the block stays."""
    names = []
    for number in range(40):
        names.append(f"l{number}." + (names[-1] if names else "hidden.blocked.example"))
    status, answer = s.api("PATCH", "/v1/feeds/mon", {"add": names}, token="mon-pusher")
    s.expect(status == 200, f"the names could not be listed: {status} {answer}")
    for name in (names[-1], names[31], names[20], "www." + names[-1]):
        found = s.target.ask(name, timeout=2 * SLOWER)
        s.expect(found is not None and found.ede == 15, f"{name} is not blocked")
    s.api("PATCH", "/v1/feeds/mon", {"remove": names}, token="mon-pusher")


@scenario(memory=64)
def pipelined_pushes(s):
    """Pushes with one Idempotency-Key on many connections, each with one more of the same behind it, while a list keeps the
    updater busy: all of them get the first one's answer."""
    body = "".join(f"n{i}.list.example\n" for i in range(8_000 if s.is_quick else 100_000))  # compiled behind everything else
    wrong, answers = [], 0
    deadline = time.monotonic() + s.seconds
    attempt = 0
    while time.monotonic() < deadline or attempt < 6:
        attempt += 1
        for waiting in (4, 2, 8, 3, 16):
            found = push_together(s, body, f"key-{attempt}-{waiting}", waiting)
            wrong += [status for status in found if status != 200]
            answers += len(found)
            if not s.target.is_alive():
                return
        body = body.replace("n1", f"m{attempt}", 1)
        if time.monotonic() > deadline + 30 * SLOWER:
            break
    s.figures["pushes"] = answers
    s.expect(not wrong, f"of {answers} pushes some were answered with {sorted(set(wrong))}")


def push_together(s, body, key, waiting):
    """The statuses of all requests; 0 for one that was not answered."""
    one = request("PUT", "/v1/feeds/two", "ci", b"a.small.example\n", more=f"Idempotency-Key: {key}\r\n")
    busy = threading.Thread(target=lambda: quietly(lambda: s.target.api("PUT", "/v1/feeds/pushed", body, timeout=60)))
    busy.start()
    time.sleep(0.02)
    connections = []
    try:
        for count in (1, *([2] * waiting)):
            connection = tcp(s.ports["api"], CLIENT)
            connection.sendall(one * count)
            connections.append((connection, count))
        return [status for connection, count in connections for status in statuses_of(connection, count)]
    except OSError:
        return [0]
    finally:
        for connection, _ in connections:
            connection.close()
        busy.join()


def quietly(work):
    try:
        work()
    except (OSError, ValueError):
        pass


def statuses_of(connection, count):
    data, patience = b"", time.monotonic() + 30 * SLOWER
    while data.count(b"HTTP/1.1 ") < count and time.monotonic() < patience:
        connection.settimeout(1)
        try:
            piece = connection.recv(65536)
        except socket.timeout:
            continue
        except OSError:
            break
        if not piece:
            break
        data += piece
    found = [int(part[:3]) for part in data.split(b"HTTP/1.1 ")[1:]]
    return found + [0] * (count - len(found))
