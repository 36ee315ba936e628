#!/usr/bin/env python3
"""The conformance suite: run.py [--server cenote|unbound|knot] [--workers N] [--only TEXT] [--json FILE] | --table FILE FILE ...

Each case names its standard. The server under test forwards to a scripted upstream that misbehaves on purpose;
everything happens on loopback. CENOTE_BINARY names the binary. Exit 1 when a case of Cenote's failed."""
import argparse
import json
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import cases_cache  # noqa: E402,F401
import cases_chains  # noqa: E402,F401
import cases_guards  # noqa: E402,F401
import cases_identity  # noqa: E402,F401
import cases_messages  # noqa: E402,F401
import cases_names  # noqa: E402,F401
import cases_proxies  # noqa: E402,F401
import cases_second_tries  # noqa: E402,F401
import cases_streams  # noqa: E402,F401
import cases_upstream  # noqa: E402,F401
import cases_workers  # noqa: E402,F401
from harness import CASES, Context, Failed, Skipped  # noqa: E402
from servers import SERVERS  # noqa: E402
from upstream import Upstreams  # noqa: E402

AT_ONCE = 8  # most cases wait, few compute


def run_case(server, upstreams, number):
    standard, title, only, function = CASES[number]
    started = time.monotonic()
    try:
        function(Context(server, upstreams, number))
        result, why = "pass", ""
    except Skipped as reason:
        result, why = "skip", str(reason)
    except Failed as failure:
        result, why = "fail", str(failure)
    except Exception as error:  # noqa: BLE001: a server that breaks a case's own code failed it
        result, why = "fail", f"{type(error).__name__}: {error}"
    return {"standard": standard, "title": title, "result": result, "why": why, "seconds": round(time.monotonic() - started, 2)}


def run(kind, only, workers):
    upstreams = Upstreams()
    server = SERVERS[kind](upstreams)
    server.workers = workers
    chosen = [i for i, (standard, title, whose, _) in enumerate(CASES)
              if whose in (None, kind) and (not only or only.lower() in f"{standard} {title}".lower())]
    results = {}
    try:
        server.start()
        left = list(reversed(chosen))
        lock = threading.Lock()

        def work():
            while True:
                with lock:
                    if not left:
                        return
                    number = left.pop()
                results[number] = run_case(server, upstreams, number)
        workers = [threading.Thread(target=work) for _ in range(AT_ONCE)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        # What failed may only have been short of time on a busy machine: it is asked once more, alone.
        for number in chosen:
            if results[number]["result"] == "fail" and server.is_alive():
                results[number] = run_again(server, upstreams, number)
        alive = server.is_alive()
    finally:
        server.stop()
        upstreams.remove()
    return server.title, [results[i] for i in chosen], alive


def run_again(server, upstreams, number):
    standard, title, only, function = CASES[number]
    CASES.append((standard, title, only, function))  # under a number, and so names, of its own
    return run_case(server, upstreams, len(CASES) - 1)


def table(files):
    """A page of results side by side, as Markdown."""
    runs = [json.loads(pathlib.Path(file).read_text()) for file in files]
    rows = {}
    for run_ in runs:
        for one in run_["results"]:
            rows.setdefault((one["standard"], one["title"]), {})[run_["title"]] = one["result"]
    titles = [run_["title"] for run_ in runs]
    counted = [f"{sum(r['result'] == 'pass' for r in run_['results'])} of {sum(r['result'] != 'skip' for r in run_['results'])}" for run_ in runs]
    lines = ["| standard | case | " + " | ".join(titles) + " |", "|---|---|" + "---|" * len(titles),
             "| | **passed** | " + " | ".join(counted) + " |"]
    for (standard, title), found in rows.items():
        marks = {"pass": "yes", "fail": "**no**", "skip": "-"}
        lines.append(f"| {standard} | {title} | " + " | ".join(marks.get(found.get(t), "") for t in titles) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--server", choices=sorted(SERVERS), default="cenote")
    parser.add_argument("--workers", type=int, default=0, help="of Cenote (default: its own, one per core)")
    parser.add_argument("--only", default="")
    parser.add_argument("--json")
    parser.add_argument("--table", nargs="+")
    arguments = parser.parse_args()
    if arguments.table:
        print(table(arguments.table))
        return 0
    title, results, alive = run(arguments.server, arguments.only, arguments.workers)
    failed = [one for one in results if one["result"] == "fail"]
    for one in failed:
        print(f"FAILED  {one['standard']}: {one['title']}\n        {one['why']}")
    tried = [one for one in results if one["result"] != "skip"]
    print(f"{title}: {len(tried) - len(failed)} of {len(tried)} cases pass" + ("" if alive else "; THE SERVER DIED"))
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps({"title": title, "results": results}))
    return 1 if (failed and arguments.server == "cenote") or not alive else 0


if __name__ == "__main__":
    sys.exit(main())
