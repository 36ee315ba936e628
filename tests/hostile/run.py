#!/usr/bin/python3
"""Attacks a real server in every way we know of, while an innocent client measures what others notice.

CENOTE_BINARY names the server (default build/release/cenote), CENOTE_SLOWER by how much the bounds of time are wider for one
with sanitizers, CENOTE_PORTS a range of ports to use ("25000-25999"), CENOTE_NICE how nice attackers are (10; 0 where other work
keeps the machine so busy that they would come to nothing)."""
import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True  # the sources' folder stays as it is
ROOT = Path(__file__).resolve().parents[2]
sys.path[1:1] = [str(ROOT / "tests/soak"), str(ROOT / "tests/conformance")]  # what is there to reuse
FILES = ("datagrams", "streams", "http2", "http1", "drops", "control", "hits", "places", "upstreams", "reloads", "state", "machine")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="a file or a scenario, e.g. http2 or http2.rapid_reset (default: all)")
    parser.add_argument("--list", action="store_true", help="says what each tries and what must hold")
    parser.add_argument("--quick", action="store_true", help="at most about three minutes in all, for CI")
    parser.add_argument("--seconds", type=float, default=0, help="of each attack, instead of each scenario's own")
    parser.add_argument("--rounds", type=int, default=0, help="of scenarios that start a server again and again")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tries", type=int, default=2, help="of a scenario whose server lives and whose figures were too bad (default 2)")
    parser.add_argument("--workers", type=int, default=0, help="of the server (default: one per core)")
    parser.add_argument("--fresh", action="store_true", help="a new server for each scenario")
    parser.add_argument("--json", action="store_true", help="one object a scenario")
    parser.add_argument("--binary", default=os.environ.get("CENOTE_BINARY", str(ROOT / "build/release/cenote")))
    return parser.parse_args()


def chosen(scenarios, names, is_quick):
    if not names:
        return [one for one in scenarios.values() if one.quick or not is_quick]
    unknown = [name for name in names if not any(name in (one.name, one.name.split(".")[0]) for one in scenarios.values())]
    if unknown:
        raise SystemExit(f"no such scenario: {', '.join(unknown)}; see --list")
    return [one for one in scenarios.values() if one.name in names or one.name.split(".")[0] in names]


def by_server(todo):
    """Those that the same server may go through, one after the other."""
    order = {}
    for one in todo:
        order.setdefault(one.server, len(order))
    return sorted(todo, key=lambda one: order[one.server])


def say(options, name, result, why, figures, took):
    if options.json:
        print(json.dumps({"scenario": name, "result": result, "why": why, "figures": figures, "seconds": round(took, 1)}), flush=True)
        return
    facts = ", ".join(f"{key} {value}" for key, value in figures.items())
    print(f"{result:4}  {name:34} {took:5.1f} s  {facts}", flush=True)
    for line in why:
        print("        " + line.replace("\n", "\n          "), flush=True)


def perform(definition, machinery):
    """What failed may only have been short of a processor on a busy machine: it is tried again, with a new server. A server
    that has died is never given a second chance."""
    from scenario import Stage
    tries = machinery.options.tries
    while True:
        stage = Stage(definition, machinery)
        found = attempt(stage)
        tries -= 1
        is_alive = machinery.target is not None and machinery.target.is_alive()
        if found[0] != "FAIL" or not is_alive or tries <= 0:
            return found
        print(f"again {definition.name}: {found[1][:1]}, starved {stage.starved:.0%}", flush=True)
        machinery.is_tainted = True


def attempt(stage):
    from scenario import Failed, Skipped
    try:
        stage.perform()
        result = "FAIL" if stage.faults else "ok"
    except Skipped as why:
        return "skip", [str(why)], {}
    except Failed as why:
        stage.faults.append(str(why))
        result = "FAIL"
    except (RuntimeError, OSError, ValueError, KeyError) as why:
        import traceback
        stage.faults.append(f"the suite broke: {why}\n{traceback.format_exc()}")
        result = "FAIL"
    stage.count["KiB"] = stage.count.pop("bytes", 0) // 1024
    return result, stage.faults, stage.figures | {key: value for key, value in stage.count.items() if value}


def main():
    options = arguments()
    for file in FILES:
        __import__(file)
    from scenario import SCENARIOS, Machinery
    todo = chosen(SCENARIOS, options.names, options.quick)
    if options.list:
        for one in todo:
            print(f"{one.name}{'' if one.quick else ' (not with --quick)'}\n    {one.says}")
        return 0
    if not os.access(options.binary, os.X_OK):
        raise SystemExit(f"{options.binary} is no program: build it, or set CENOTE_BINARY")
    options.binary = str(Path(options.binary).resolve())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended, too
    results = {"ok": 0, "FAIL": 0, "skip": 0}
    machinery = Machinery(options)
    try:
        for definition in by_server(todo):
            began = time.monotonic()
            result, why, figures = perform(definition, machinery)
            machinery.is_tainted = machinery.is_tainted or result == "FAIL"
            results[result] += 1
            say(options, definition.name, result, why, figures, time.monotonic() - began)
        began = time.monotonic()
        machinery.stop()
        for fault in machinery.faults:
            results["FAIL"] += 1
            say(options, "the end of a server", "FAIL", [fault], {}, time.monotonic() - began)
    finally:
        machinery.close()
    print(f"{results['ok']} passed, {results['FAIL']} failed, {results['skip']} skipped", flush=True)
    return 1 if results["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
