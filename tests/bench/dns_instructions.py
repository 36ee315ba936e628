"""Instructions of Cenote's own code per answer, by callgrind: a figure that the machine's load does not move.

Counted is what the event loop calls: for a socket that can be read, and at the end of each of its turns, when what was
gathered is sent. The kernel's part is not in it."""

import re
import subprocess
import time

# No function below these: collecting is switched at each door, so one inside another would switch it off.
DOORS = ("cenote::Poll::watch(bool, bool)::{lambda*", "cenote::TurnEnd::TurnEnd(*::{lambda*")


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
    """Sums each function's own cost. A name is written once, later only its number; the cost line after `calls=`
    is the callee's and is left out."""
    names, own, function, of_callee = {}, {}, None, False
    for line in out.read_text().splitlines():
        name = re.match(r"c?fn=(\(\d+\))(?: (.*))?$", line)
        if name:
            names.setdefault(name[1], name[2])
            function = function if line.startswith("c") else name[1]
        elif line.startswith("calls="):
            of_callee = True
        elif re.match(r"[+*-]?\d* ?\d+$", line):
            if not of_callee:
                own[function] = own.get(function, 0) + int(line.split()[-1])
            of_callee = False
    where = sorted(((cost / answered, names[each]) for each, cost in own.items()), reverse=True)
    return {"per_answer": sum(own.values()) / answered, "where": where[:20], "answers": answered}


def show(result):
    for traffic, each in result.items():
        print(f"\n{traffic}: {each['per_answer']:,.0f} instructions an answer ({each['answers']:,} answers)")
        for share, function in each["where"]:
            short = re.sub(r"[(<].*", "", function.replace("(anonymous namespace)::", "")) or function
            print(f"  {share:8,.0f}  {short[:100]}")
