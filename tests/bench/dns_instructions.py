"""Instructions of Cenote's own code per answer, by callgrind: a figure that the machine's load does not move.

Counted is what runs inside the worker's two doors, a batch of questions and an upstream's reply; the kernel's part
is not in it."""

import re
import subprocess
import time

DOORS = ("cenote::UdpServer::serve_batch()", "cenote::UdpClient::receive()")


def count(server, names, load, warm):
    """`load(traffic)` and `warm()` send to `server`; returns {traffic: {"per_answer": n, "where": [(n, function)]}}."""
    server.start(names)  # compiles the names at full speed; the restart under callgrind finds them done
    result = {}
    for traffic in ("blocked", "cached", "forwarded"):
        out = server.folder / f"callgrind.{traffic}"
        server.prefix = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--collect-atstart=no"]
        server.prefix += [f"--toggle-collect={door}" for door in DOORS]
        server.start_again(names)
        if traffic == "cached":
            warm()
        subprocess.run(["callgrind_control", "--zero", str(server.process.pid)], capture_output=True, timeout=60)
        answered = load(traffic)["answered"]
        time.sleep(0.2)
        server.stop()
        result[traffic] = read(out, max(answered, 1))
    return result


def read(out, answered):
    total = re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.MULTILINE)
    annotated = subprocess.run(["callgrind_annotate", out], capture_output=True, text=True, timeout=120).stdout
    where = []
    for line in annotated.splitlines():
        found = re.match(r"\s*([\d,]+) \([^)]*\)\s+\S+?:(.*?)(?: \[.*\])?$", line)
        if found and len(where) < 20:
            where.append((int(found[1].replace(",", "")) / answered, found[2]))
    return {"per_answer": int(total[1]) / answered, "where": where, "answers": answered}


def show(result):
    for traffic, each in result.items():
        print(f"\n{traffic}: {each['per_answer']:,.0f} instructions an answer ({each['answers']:,} answers)")
        for share, function in each["where"]:
            print(f"  {share:8,.0f}  {function[:120]}")
