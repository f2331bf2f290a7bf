"""RESULTS.md and its charts, made from results.json, which keeps the medians of each scenario."""

import datetime
import json
import os
import platform
import subprocess

import chart
from scenarios import SCENARIOS

HIGHER_IS_BETTER = ("msgs_per_s", "accepted_per_s", "copies_per_s", "flush_per_s", "healthy_per_s")

COLUMNS = {
    "msgs_per_s": "messages/s", "spread": "spread", "accepted_per_s": "accepted/s",
    "copies_per_s": "copies/s", "cpu_s_per_1000": "CPU ms a message",
    "user_s_per_1000": "of it user", "sys_s_per_1000": "of it system",
    "switches_per_msg": "context switches", "peak_rss_mb": "peak RSS MB",
    "peak_pss_mb": "peak PSS MB", "peak_procs": "processes at most", "machine_busy": "machine busy",
    "grown_mb": "largest growth MB", "grown_most": "of", "resumed": "resumed",
    "connections": "connections", "pss_kb_per_conn": "KB a connection",
    "machine_kb_per_conn": "of the machine", "tree_pss_mb": "PSS MB", "processes": "processes",
    "open_s": "s to open", "cpu_ms_per_conn": "CPU ms to open one",
    "mail_through_s": "s for a message",
    "all_deferred_s": "s until all deferred", "mailq_s": "mailq s", "json_s": "postqueue -j s",
    "start_answers_s": "s to answer", "start_probe_s": "s from start to first delivery",
    "flush_per_s": "flushed/s", "flush_cpu_s_per_1000": "CPU ms a flushed message",
    "qmgr_mb": "qmgr MB", "healthy_alone_per_s": "healthy alone/s",
    "healthy_per_s": "healthy meanwhile/s", "healthy_share": "share",
}


def show(value):
    if isinstance(value, float):
        return f"{value:.3g}" if value < 100 else f"{value:.0f}"
    return str(value)


def table(figures):
    """A Markdown table of {label: medians}."""
    keys = [k for k in COLUMNS if any(k in f for f in figures.values())]
    lines = ["| | " + " | ".join(COLUMNS[k] for k in keys) + " |", "|---" * (len(keys) + 1) + "|"]
    for label, row in sorted(figures.items(), key=lambda item: item[0] != "tassis"):
        if "skipped" in row or "failed" in row:
            word = "skipped: " + row["skipped"] if "skipped" in row else "FAILED: " + row["failed"]
            lines.append(f"| {label} | {word} |" + " |" * (len(keys) - 1))
            continue
        lines.append(f"| {label} | " + " | ".join(show(row.get(k, "")) for k in keys) + " |")
        for failure in row.get("failures", ()):
            lines.append(f"| {label}, one run | FAILED: {failure} |" + " |" * (len(keys) - 1))
    return "\n".join(lines)


def times(ratio):
    return f"{ratio:.1f}x" if ratio >= 0.95 else f"1/{1 / ratio:.1f}"


def ratios(figures):
    """How the first of {label: medians} stands to each of the others, a line each."""
    (first, base), *others = figures.items()
    for label, row in others:
        words = [f"{COLUMNS[key]} {times(base[key] / row[key])}" for key in COLUMNS
                 if key not in ("spread", "connections", "machine_busy", "peak_rss_mb")
                 and isinstance(row.get(key), float) and row[key] and base.get(key)]
        if words:
            yield f"{first} to {label}: " + ", ".join(words)


# Aims

def reaches(key, ratio, aim):
    return ratio >= aim if key in HIGHER_IS_BETTER else ratio <= aim


def aim_rows(name, store):
    """(figure, Tassis, Postfix, ratio, aim, reached) for every aim of a scenario."""
    scenario = SCENARIOS[name]
    ours = store[name]["figures"].get("tassis", {})
    against = store.get(scenario.against or name, {"figures": {}})
    theirs = against["figures"].get("postfix", {})
    for key, aim in scenario.aims:
        if ours.get(key) and theirs.get(key):
            ratio = ours[key] / theirs[key]
            sign = "≥" if key in HIGHER_IS_BETTER else "≤"
            yield (COLUMNS[key], show(ours[key]), show(theirs[key]), times(ratio),
                   f"{sign} {times(aim)}", reaches(key, ratio, aim))
    for key, sign, limit in scenario.limits:
        if key in ours:
            sign_text = "≥" if sign == ">=" else "≤"
            reached = ours[key] >= limit if sign == ">=" else ours[key] <= limit
            yield (COLUMNS[key], show(ours[key]), show(theirs.get(key, "")), "",
                   f"{sign_text} {limit}", reached)


def aims_table(store):
    lines = ["| scenario | figure | Tassis | Postfix | ratio | aim | |", "|---|---|---|---|---|---|---|"]
    for name in (n for n in SCENARIOS if n in store):
        for figure, ours, theirs, ratio, aim, reached in aim_rows(name, store):
            word = "" if reached else "not reached"
            lines.append(f"| {name} | {figure} | {ours} | {theirs} | {ratio} | {aim} | {word} |")
    return "\n".join(lines)


# The files

def machine():
    """What the figures were measured on, in a line."""
    model, memory_kb = "", 0
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as f:
        memory_kb = int(f.readline().split()[1])
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return (f"{os.cpu_count()} cores ({model}), {memory_kb / (1 << 20):.0f} GB, {system}, "
            f"Linux {platform.release().split('-')[0]}")


def postfix_version():
    try:
        out = subprocess.run(["/usr/sbin/postconf", "-dh", "mail_version"], capture_output=True,
                             text=True)
        return out.stdout.strip()
    except OSError:
        return ""


def write(path, text):
    """Replace a file; it belongs to the owner of its folder, though we are root."""
    with open(path + ".new", "w") as f:
        f.write(text)
    owner = os.stat(os.path.dirname(os.path.abspath(path)))
    os.chown(path + ".new", owner.st_uid, owner.st_gid)
    os.replace(path + ".new", path)


def load_store(folder):
    try:
        with open(f"{folder}/results.json") as f:
            return json.load(f)
    except FileNotFoundError:
        return {}


def save(folder, name, figures):
    """Replace the rows of one scenario, those of other MTAs than measured excepted."""
    os.makedirs(folder, exist_ok=True)
    store = load_store(folder)
    entry = store.setdefault(name, {"figures": {}})
    entry.update(date=datetime.date.today().isoformat(), machine=machine(),
                 postfix=postfix_version())
    entry["figures"].update(figures)
    write(f"{folder}/results.json", json.dumps(store, indent=1, sort_keys=True) + "\n")
    render(folder)


INTRODUCTION = """\
# Tassis and Postfix side by side

Written by `make bench`, which replaces the rows of the scenarios that it runs; the
[README](README.md) says what is measured and how. Medians of alternated runs, every message
checked to arrive once. The load generators share the machine, so compare the CPU column first:
it is the steadiest.

"""


def conditions(store):
    """Machines and versions, and the scenarios measured with each."""
    groups = {}
    for name in (n for n in SCENARIOS if n in store):
        entry = store[name]
        key = (entry["date"], entry["machine"], entry["postfix"])
        groups.setdefault(key, []).append(name)
    lines = []
    for (date, where, version), names in groups.items():
        which = "" if len(groups) == 1 else ": " + ", ".join(names)
        lines.append(f"- {date}, {where}, Postfix {version or 'not installed'}{which}")
    return "\n".join(lines)


def render(folder):
    store = load_store(folder)
    parts = [INTRODUCTION + conditions(store)]
    charts = [text for text in (throughput_chart(folder, store), memory_chart(folder, store)) if text]
    if charts:
        parts.append("\n".join(charts))
    parts.append("## What is aimed at\n\n" + aims_table(store))
    parts.append("## All figures")
    for name in (n for n in SCENARIOS if n in store):
        figures = store[name]["figures"]
        runs = max((f.get("runs", 0) for f in figures.values()), default=0)
        parts.append(f"### {name}\n\n{SCENARIOS[name].what}; "
                     f"{runs} {'run' if runs == 1 else 'runs'}.\n\n{table(figures)}")
    write(f"{folder}/RESULTS.md", "\n\n".join(parts) + "\n")


def series(store, points, key):
    """{label: [(x, y)]} of one figure over several scenarios."""
    out = {}
    for x, name in points:
        for label, row in store.get(name, {"figures": {}})["figures"].items():
            if row.get(key) is not None:
                out.setdefault(label, []).append((x, row[key]))
    return dict(sorted(out.items(), key=lambda item: item[0] != "tassis"))


def throughput_chart(folder, store):
    points = [(n, f"accept-{n}") for n in (1, 20, 100, 1000)]
    data = series(store, points, "msgs_per_s")
    if not data:
        return ""
    write(f"{folder}/throughput.svg", chart.draw("Messages delivered a second", "sessions", data))
    return "![Messages a second against sessions](throughput.svg)"


def memory_chart(folder, store):
    points = [(n, f"idle-{n}") for n in (100, 1000, 10000)]
    data = series(store, points, "tree_pss_mb")
    if not data:
        return ""
    write(f"{folder}/memory.svg", chart.draw("Memory of the whole process tree, MB",
                                              "idle connections", data, log_y=True))
    return "![Memory against idle connections](memory.svg)"
