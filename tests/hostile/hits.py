"""One client's blocked questions."""
import select
import time

import wire
from datagrams import flood
from scenario import scenario
from tools import CLIENT, datagrams, try_send

WITNESS = "127.0.0.77"
FLOOD = 10_000  # a second, of each of two attackers
MOST_FILE = 1.0  # MiB a second that the event file may grow by while one client floods it


def fill_history(s, count=20_000, clients=100):
    """So many hits of as many clients, in step with the server."""
    socks = [datagrams(f"127.0.11.{1 + i}", s.ports["dns"]) for i in range(clients)]
    for sock in socks:
        for number in range(count // clients):
            try_send(sock, wire.query(f"n{number}.page.example", id=number))
        select.select([sock], [], [], 1)
        s.count["datagrams"] += count // clients
        sock.close()
    time.sleep(0.2)


@scenario(seconds=(3, 6))
def of_one_client(s):
    """One client asks 20,000 blocked questions a second: the event file's growth is bounded, and what another client hit just
    before is still to be found."""
    s.target.ask("witness.blocked.example", source=WITNESS)
    time.sleep(0.3)
    before, began = s.target.events.stat().st_size, time.monotonic()
    raws = [wire.query(f"n{i}.blocked.example", id=i) for i in range(2000)]
    for _ in range(2):
        s.attack(flood, [CLIENT] * 8, raws, FLOOD)
    s.storm()
    grown = (s.target.events.stat().st_size - before) / 2**20 / (time.monotonic() - began)
    s.figures["event file"] = f"+{grown:.1f} MiB/s"
    s.expect(grown <= MOST_FILE, f"the event file grew by {grown:.1f} MiB a second, more than {MOST_FILE}")
    status, found = s.api("GET", f"/v1/hits?client={WITNESS}/32")
    s.expect(status == 200 and any(hit.get("name", "").startswith("witness.") for hit in found["hits"]),
             f"the other client's hit is gone: {status} {str(found)[:200]}")
