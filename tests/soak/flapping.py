"""Upstream servers that come and go: each goes through moods of a few seconds, drawn from a seed, so that one is mostly
there, both fail at times, and TCP and TLS connections break in the middle of an answer. A process of its own."""
import asyncio
import logging
import random
import ssl
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))
import wire  # noqa: E402

GOOD, SLOW, SILENT, FAILING, CUTTING, DEAD = "good", "slow", "silent", "failing", "cutting", "dead"
MOODS = [GOOD] * 6 + [SLOW, SILENT, SILENT, FAILING, CUTTING, DEAD, DEAD]
QUIET = 6.0  # seconds of good mood at the start: a cache must be filled before it can help out
LONG_TEXT = b"x" * 3000


def mood_at(seed, since_start, calm_after):
    """The same for everybody who knows the seed: the soak prints it without asking."""
    if since_start < QUIET or since_start > calm_after:
        return GOOD
    draw, at = random.Random(seed), QUIET
    while True:
        mood, at = draw.choice(MOODS), at + draw.uniform(2, 7)
        if since_start < at:
            return mood


def answer(raw, over_tcp):
    asked = wire.Message(raw)
    label = asked.qname.lower().split(".")[0]
    if label.startswith("missing"):
        return wire.reply(raw, authority=[wire.soa("soak.example", ttl=5, minimum=5)], rcode=wire.NXDOMAIN)
    if label.startswith("long") and asked.qtype == wire.TXT:
        if not over_tcp:
            return wire.reply(raw, flags=wire.QR | wire.RD | wire.RA | wire.TC)
        return wire.reply(raw, [wire.txt(asked.qname, LONG_TEXT, ttl=2)])
    if label.startswith("chain"):
        target = "end-" + asked.qname
        return wire.reply(raw, [wire.cname(asked.qname, target, ttl=3), wire.a(target, ttl=3)])
    if asked.qtype == wire.A:
        return wire.reply(raw, [wire.a(asked.qname, ttl=3)])
    return wire.reply(raw, authority=[wire.soa("soak.example", ttl=5, minimum=5)])


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server):
        self.server = server

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        mood = self.server.mood()
        if mood == SILENT:
            return
        try:
            out = wire.reply(data, rcode=wire.SERVFAIL) if mood == FAILING else answer(data, False)
        except wire.Malformed:
            return
        if mood == SLOW:
            asyncio.get_running_loop().call_later(0.4, self.send, out, peer)
        else:
            self.send(out, peer)

    def send(self, out, peer):
        if not self.transport.is_closing():
            self.transport.sendto(out, peer)


class Server:
    """One upstream on one port: UDP and TCP, or TLS alone."""

    def __init__(self, port, seed, start, calm_after, tls=None):
        self.port, self.seed, self.start, self.calm_after, self.tls = port, seed, start, calm_after, tls
        self.udp = self.tcp = None
        self.writers = set()

    def mood(self):
        return mood_at(self.seed, time.monotonic() - self.start, self.calm_after)

    async def open(self):
        self.tcp = await asyncio.start_server(self.serve, "127.0.0.1", self.port, ssl=self.tls, reuse_address=True)
        if self.tls is None:
            self.udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: Datagrams(self), ("127.0.0.1", self.port))

    def close(self):
        self.tcp.close()
        self.tcp = None
        if self.udp is not None:
            self.udp.close()
            self.udp = None
        for writer in list(self.writers):
            writer.transport.abort()

    async def serve(self, reader, writer):
        self.writers.add(writer)
        try:
            while True:
                raw = await reader.readexactly(struct.unpack("!H", await reader.readexactly(2))[0])
                mood = self.mood()
                if mood == SILENT:
                    continue
                if mood == SLOW:
                    await asyncio.sleep(0.4)
                out = wire.reply(raw, rcode=wire.SERVFAIL) if mood == FAILING else answer(raw, True)
                framed = struct.pack("!H", len(out)) + out
                if mood == CUTTING:
                    writer.write(framed[:len(framed) // 2])
                    await writer.drain()
                    break
                writer.write(framed)
        except (OSError, EOFError, wire.Malformed):
            pass
        finally:
            self.writers.discard(writer)
            writer.transport.abort()

    async def live(self):
        while True:
            is_dead = self.mood() == DEAD
            if is_dead and self.tcp is not None:
                self.close()
            elif not is_dead and self.tcp is None:
                try:
                    await self.open()
                except OSError:
                    pass  # its port is not free again yet
            await asyncio.sleep(0.05)


def serve(plain, encrypted, start, calm_after, certificate):
    """`plain`, `encrypted`: (port, seed) each. Never returns: the soak ends the process."""
    logging.disable()  # what a torn TLS connection has to say is expected here
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)

    async def run():
        servers = [Server(port, seed, start, calm_after) for port, seed in plain]
        servers += [Server(port, seed, start, calm_after, tls) for port, seed in encrypted]
        await asyncio.gather(*(server.live() for server in servers))
    asyncio.new_event_loop().run_until_complete(run())
