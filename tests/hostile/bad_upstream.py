"""An upstream server that does what the first label of a name says; everything else has an address. A process of its own."""
import asyncio
import functools
import logging
import random
import struct
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))
import wire  # noqa: E402

TTL = 600  # no ordinary name leaves a cache during a scenario
LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789"
TRUNCATED = wire.QR | wire.RD | wire.RA | wire.TC


@functools.cache
def many_labels(number):
    """A name of 126 labels of one letter: as long as a name may be, with nothing in common with another one."""
    draw = random.Random(number)
    return b"".join(bytes([1, draw.choice(LETTERS)]) for _ in range(126)) + b"\0"


@functools.cache
def bomb_records(rtype):
    extra = 2 if rtype == wire.MX else 0
    head = struct.pack("!HHHIH", 0xC00C, rtype, wire.IN, 60, 253 + extra)
    return [head + struct.pack("!H", number)[:extra] + many_labels(number) for number in range(244)]


def bomb(raw, rtype):
    """65 KB of legal names; each label is one more thing to compress."""
    return wire.reply(raw, bomb_records(rtype))


@functools.cache
def chained_records(at, end):
    previous = depth = 0
    records = []
    while at < end:
        owner = b"\1a" + struct.pack("!H", 0xC000 | previous) if previous else b"\1a\0"
        record = owner + struct.pack("!HHIH", wire.A, wire.IN, 60, 4) + b"\xC0\0\2\1"
        depth += 1
        # A pointer reaches 16 KiB; a chain has 126 links at most.
        previous = at if depth % 120 and at < 0x3FFF else previous if at >= 0x3FFF else 0
        records.append(record)
        at += len(record)
    return records


def pointer_chains(raw):
    """64 KB of owners that are chains of pointers, with the CNAMEs of the question at the very end."""
    asked = wire.Message(raw)
    zone = asked.qname.split(".", 1)[1]
    tail = [wire.cname(asked.qname, f"x0.{zone}")] + [wire.cname(f"x{i}.{zone}", f"x{i + 1}.{zone}") for i in range(10)]
    return wire.reply(raw, chained_records(12 + len(asked.question), 65000 - sum(map(len, tail))) + tail)


def ordinary(raw):
    asked = wire.Message(raw)
    label = asked.qname.lower().split(".")[0]
    if label.startswith("todrop"):
        return wire.reply(raw, [wire.cname(asked.qname, "x.drop.example", ttl=TTL), wire.a("x.drop.example", ttl=TTL)])
    if label == "feeds":  # a web server that refuses at once
        return wire.reply(raw, [wire.a(asked.qname, "127.0.0.1", ttl=1)] if asked.qtype == wire.A else [])
    if label.startswith("big"):
        return wire.reply(raw, [wire.txt(asked.qname, b"x" * 15000, ttl=TTL)])
    if asked.qtype == wire.A:
        return wire.reply(raw, [wire.a(asked.qname, ttl=TTL)])
    return wire.reply(raw, authority=[wire.soa("example", ttl=TTL)])


class Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, peer):
        try:
            label = wire.Message(data).qname.lower().split(".")[0]
        except wire.Malformed:
            return
        if label.startswith(("bomb", "chain", "drip", "close", "big")):
            self.transport.sendto(wire.reply(data, flags=TRUNCATED), peer)
        elif label.startswith("silent"):
            pass
        elif label.startswith("slow"):  # slow1500-17: after 1500 ms
            after = int(label[4:].split("-")[0]) / 1000
            asyncio.get_running_loop().call_later(after, self.transport.sendto, ordinary(data), peer)
        elif label.startswith("wrongid"):
            right = struct.unpack("!H", data[:2])[0]
            for number in range(1, 301):
                self.transport.sendto(wire.reply(data, [wire.a(wire.Message(data).qname, "192.0.2.66")], id=(right + number) % 65536), peer)
            asyncio.get_running_loop().call_later(0.02, self.transport.sendto, ordinary(data), peer)
        else:
            self.transport.sendto(ordinary(data), peer)


async def serve_stream(reader, writer):
    try:
        while True:
            raw = await reader.readexactly(struct.unpack("!H", await reader.readexactly(2))[0])
            label = wire.Message(raw).qname.lower().split(".")[0]
            if label.startswith("close"):
                writer.write(struct.pack("!H", 3000) + raw)
                await writer.drain()
                break
            out = (bomb(raw, wire.Message(raw).qtype) if label.startswith("bomb") else pointer_chains(raw) if label.startswith("chain")
                   else ordinary(raw))
            framed = struct.pack("!H", len(out)) + out
            if label.startswith("drip"):
                for at in range(len(framed)):
                    writer.write(framed[at:at + 1])
                    await asyncio.sleep(0.05)
                continue
            writer.write(framed)
            await writer.drain()
    except (OSError, EOFError, wire.Malformed):
        pass
    finally:
        writer.transport.abort()


async def serve(ports):
    loop, kept = asyncio.get_running_loop(), []
    for port in ports:
        kept.append(await asyncio.start_server(serve_stream, "127.0.0.1", port))
        kept.append(await loop.create_datagram_endpoint(Datagrams, ("127.0.0.1", port)))
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # ends with whoever started it


if __name__ == "__main__":
    logging.disable()
    asyncio.run(serve([int(port) for port in sys.argv[1:]]))
