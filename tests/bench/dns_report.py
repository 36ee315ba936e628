"""What ./dev bench dns prints and draws from its figures."""

from html import escape
from statistics import median

TITLES = {"blocked": "Blocked", "cached": "Cached", "forwarded": "Forwarded"}
COLOURS = {"echo": "#8b949e", "cenote": "#0a7ea4"}
PEER_COLOUR = "#b08900"


def summarise(runs):
    """Medians over the rounds: {traffic: {server: figures}}. Ratios are taken within a round, then their median."""
    echo = {(run["round"], run["traffic"]): run["cpu_us"] for run in runs if run["server"] == "echo"}
    table = {}
    for run in runs:
        run["echoes"] = run["cpu_us"] / echo[run["round"], run["traffic"]]
        run["thread_echoes"] = run["thread_us"] / echo[run["round"], run["traffic"]]
        table.setdefault(run["traffic"], {}).setdefault(run["server"], []).append(run)
    keys = ("cpu_us", "thread_us", "echoes", "thread_echoes", "per_second", "p50", "p99", "lost_share")
    return {
        traffic: {
            server: {key: median(run[key] for run in of_server) for key in keys}
            | {"lowest": min(run["echoes"] for run in of_server), "highest": max(run["echoes"] for run in of_server)}
            for server, of_server in servers.items()
        }
        for traffic, servers in table.items()
    }


def print_table(summary, memory, names):
    head = ("", "CPU us/answer", "echoes (lowest-highest)", "busiest thread", "answers/s", "p50 us", "p99 us", "lost")
    rows = []
    for traffic, servers in summary.items():
        for server, each in servers.items():
            rows.append(
                (
                    f"{TITLES[traffic]}: {server}",
                    f"{each['cpu_us']:.2f}",
                    f"{each['echoes']:.2f} ({each['lowest']:.2f}-{each['highest']:.2f})",
                    f"{each['thread_echoes']:.2f}",
                    f"{each['per_second']:,.0f}",
                    f"{each['p50']:,.0f}",
                    f"{each['p99']:,.0f}",
                    f"{each['lost_share']:.2%}",
                )
            )
    print_rows(head, rows)
    head = ("", "ready s", "again s", "RSS empty MiB", "RSS MiB", "bytes a name", "again", "enforced")
    rows = []
    for server, each in memory.items():
        per_name = (each["listed"] - each["empty"]) / names
        again = (each["listed_again"] - each["empty"]) / names
        rows.append(
            (
                server,
                f"{each['ready']:.2f}",
                f"{each['ready_again']:.2f}",
                f"{each['empty'] / 2**20:.0f}",
                f"{each['listed'] / 2**20:.0f}",
                f"{per_name:.1f}",
                f"{again:.1f}",
                f"{each['enforced']:.1%}",
            )
        )
    print()
    print_rows(head, rows)


def print_rows(head, rows):
    """As Markdown, so that it can be pasted."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells):
        first = cells[0].ljust(widths[0])
        return "| " + " | ".join([first, *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:]))]) + " |"

    print(line(head))
    print("|-" + "-|-".join("-" * width for width in widths) + "-|")
    for row in rows:
        print(line(row))


def draw(summary, caption):
    """Bars of CPU per answer in echoes, one group a traffic; readable on light and dark ground."""
    left, width, bar, gap, group_gap = 170, 470, 18, 5, 34
    longest = max(each["echoes"] for servers in summary.values() for each in servers.values())
    parts, y = [], 48
    for traffic, servers in summary.items():
        parts.append(f'<text class="group" x="12" y="{y + 4}">{TITLES[traffic]}</text>')
        y += 14
        for server, each in sorted(servers.items(), key=lambda item: item[1]["echoes"]):
            size = max(each["echoes"] / longest * width, 2)
            colour = COLOURS.get(server, PEER_COLOUR)
            middle = y + bar * 0.72
            parts.append(f'<text x="{left - 8}" y="{middle:.0f}" text-anchor="end">{escape(server)}</text>')
            parts.append(f'<rect x="{left}" y="{y}" width="{size:.1f}" height="{bar}" rx="2" fill="{colour}"/>')
            parts.append(f'<text x="{left + size + 6:.1f}" y="{middle:.0f}">{each["echoes"]:.1f}</text>')
            y += bar + gap
        y += group_gap - gap
    total = left + width + 60
    style = (
        "text{font:13px system-ui,sans-serif;fill:#24292f}.group{font-weight:600}.title{font-size:15px;font-weight:600}"
        ".note{fill:#57606a}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.note{fill:#9ea7b3}}"
    )
    title = "CPU time per answer, in echoes of the same round (less is better)"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{y + 6}" viewBox="0 0 {total} {y + 6}" '
        f'role="img" aria-label="{title}">\n<style>{style}</style>\n'
        f'<text class="title" x="12" y="22">{title}</text>\n' + "\n".join(parts) + "\n"
        f'<text class="note" x="12" y="{y - 8}">{escape(caption)}</text>\n</svg>\n'
    )
