"""A list that changes every second, over the control socket: what was acknowledged must be in force."""
import asyncio
import json
import random
import sys
from pathlib import Path

from clients import UdpSocket, Waiting

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))
import wire  # noqa: E402

NAMES = 300
GRACE = 0.25  # seconds in which every worker takes up what was acknowledged


class Pushes:
    def __init__(self, socket_path, port):
        self.socket_path, self.port = socket_path, port
        self.number = self.done = self.failed = self.late = 0
        self.listed = set()
        self.slowest = 0.0
        self.faults = []

    async def run(self):
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await asyncio.wait_for(self.change(), 20)
            except (OSError, EOFError, ValueError, asyncio.TimeoutError) as why:
                self.fault(f"a push failed: {type(why).__name__} {why}")
            self.slowest = max(self.slowest, loop.time() - began)
            await asyncio.sleep(max(0, 1 - (loop.time() - began)))

    def fault(self, text):
        self.failed += 1
        if len(self.faults) < 10:
            self.faults.append(text)

    async def change(self):
        self.number += 1
        if self.number % 3:
            added = {f"p{self.number}-{i}.pushed.example" for i in range(5)}
            removed = set(random.sample(sorted(self.listed), min(4, len(self.listed))))
            status, answer = await self.request("PATCH", {"add": sorted(added), "remove": sorted(removed)})
            now = self.listed - removed | added
        else:
            now = {f"w{self.number}-{i}.pushed.example" for i in range(NAMES)}
            added, removed = now, self.listed
            status, answer = await self.request("PUT", "\n".join(sorted(now)) + "\n")
        if status != 200:
            raise ValueError(f"{status} {answer}")
        self.done += 1
        self.listed = now
        await self.expect(random.choice(sorted(added)), True)
        if removed:
            await self.expect(random.choice(sorted(removed)), False)

    async def request(self, method, body):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        reader, writer = await asyncio.open_unix_connection(self.socket_path)
        try:
            writer.write(f"{method} /v1/feeds/pushed HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                         f"Content-Length: {len(data)}\r\n\r\n".encode() + data)
            answer = await reader.read()
        finally:
            writer.close()
        head, _, content = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), content.decode(errors="replace")

    async def expect(self, name, is_blocked):
        if await self.is_blocked(name) == is_blocked:
            return
        self.late += 1
        await asyncio.sleep(GRACE)
        if await self.is_blocked(name) != is_blocked:
            self.fault(f"{name} is {'not ' if is_blocked else ''}blocked {GRACE} s after its change was acknowledged")

    async def is_blocked(self, name):
        loop = asyncio.get_running_loop()
        waiting = Waiting("udp", None)
        transport, _ = await loop.create_datagram_endpoint(
            lambda: UdpSocket(waiting), local_addr=("127.0.0.1", 0), remote_addr=("127.0.0.1", self.port))
        try:
            answer = waiting.open[7] = loop.create_future()
            transport.sendto(wire.query(name, id=7))
            return wire.Message(await asyncio.wait_for(answer, 7)).ede == 15
        finally:
            transport.close()
