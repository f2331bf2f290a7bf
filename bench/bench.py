#!/usr/bin/env python3
"""Measure mail servers side by side. See README.md."""

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True                          # we are root in somebody's checkout
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import load                                             # noqa: E402
import report                                           # noqa: E402
from mta import Unsupported, compile_tool               # noqa: E402
from run import ADAPTERS, Failed, Run                   # noqa: E402
from scenarios import SCENARIOS                         # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


# Ceilings: what the file system and the load generators can do without an MTA.

def ceiling(args):
    with tempfile.TemporaryDirectory(prefix="bench-ceiling-", dir=args.scratch) as work:
        binary = compile_tool("ceiling.c", work, "-pthread")
        for mode in ("file", "data", "none", "reuse", "journal"):
            for threads in (1, 16, 64):
                rates = [int(subprocess.run([binary, mode, work, str(threads), "3"], check=True,
                                            capture_output=True).stdout) for _ in range(3)]
                print(f"  {mode:8} {threads:3} threads {statistics.median(rates):8.0f} /s")
        sink = load.Sink(work, args.port + 1, user=args.sink_user)
        for sessions, reuse in ((1, False), (20, False), (100, False), (20, True)):
            rates = []
            for _ in range(3):
                t0 = time.time()
                load.smtp_source(args.port + 1, 10000, sessions, 4096, "u@dest.test", reuse).wait()
                rates.append(10000 / (time.time() - t0))
            name = f"smtp-{'reuse-' if reuse else ''}{sessions}"
            print(f"  smtp-source to smtp-sink {name:14} {statistics.median(rates):8.0f} /s")
        sink.close()


# The driver

def parse_spec(text):
    """LABEL=KIND[:key=value,...] or KIND[:key=value,...]"""
    head, _, tail = text.partition(":")
    label, _, kind = head.rpartition("=")
    if kind not in ADAPTERS:
        raise argparse.ArgumentTypeError(f"{kind}: not one of {', '.join(ADAPTERS)}")
    options = {}
    for pair in filter(None, tail.split(",")):
        key, _, value = pair.partition("=")
        # A comma inside a value is written as a semicolon.
        options[key] = value.replace(";", ",")
    return label or kind, kind, options


def postfix_is_installed():
    """The real one, not Tassis under its name."""
    try:
        name = subprocess.run(["/usr/sbin/postconf", "-dh", "mail_name"], capture_output=True)
        return name.stdout.strip() == b"Postfix"
    except OSError:
        return False


def default_mtas():
    mtas = [("tassis", "tassis", {})]
    if postfix_is_installed():
        return mtas + [("postfix", "postfix", {})]
    print("no Postfix is installed: measuring Tassis alone", file=sys.stderr)
    return mtas


def message_count(args, scenario):
    if args.messages:
        return args.messages
    if args.quick:
        return scenario.quick or max(20, scenario.count // 10)
    return scenario.count


def one_run(args, name, spec):
    run = Run(args, spec)
    keep = args.keep
    try:
        return SCENARIOS[name].function(run, message_count(args, SCENARIOS[name]))
    except Unsupported as e:
        return {"skipped": str(e)}
    except (Failed, RuntimeError, OSError, subprocess.CalledProcessError) as e:
        keep = keep or args.keep_failed
        return {"failed": str(e)}
    finally:
        run.close(keep)


def medians(results):
    good = [r for r in results if "skipped" not in r and "failed" not in r]
    if not good:
        return dict(results[-1])
    out = {}
    for key in good[0]:
        values = [r[key] for r in good if key in r]
        if isinstance(values[0], str):
            out[key] = values[-1]
            continue
        out[key] = statistics.median(values)
        if key == "msgs_per_s" and len(values) > 1:
            out["spread"] = (max(values) - min(values)) / out[key]
    out["runs"] = len(good)
    failures = [r["failed"] for r in results if "failed" in r]
    if failures:
        out["failures"] = failures
    return out


def measure(args, name, specs):
    """Alternated runs of one scenario; {label: medians}."""
    results = {label: [] for label, _, _ in specs}
    for turn in range(args.runs):
        for spec in specs:
            result = one_run(args, name, spec)
            results[spec[0]].append(result)
            print(f"  {name} {spec[0]} run {turn + 1}: " + ", ".join(
                f"{k} {report.show(v)}" for k, v in result.items()), file=sys.stderr, flush=True)
            if args.json:
                with open(args.json, "a") as f:
                    f.write(json.dumps({"scenario": name, "mta": spec[0], "time": time.time(),
                                        **result}) + "\n")
    return {label: medians(runs) for label, runs in results.items()}


def compare(args):
    names = [n for n, s in SCENARIOS.items()
             if n in args.scenario or (not s.by_hand and "all" in args.scenario)]
    failed = False
    for name in names:
        specs = [s for s in args.mta or default_mtas()
                 if s[1] == "tassis" or not SCENARIOS[name].alone]
        if not specs:
            continue
        figures = measure(args, name, specs)
        failed |= any("failed" in f or "failures" in f for f in figures.values())
        print(f"\n### {name}: {SCENARIOS[name].what}\n\n{report.table(figures)}", flush=True)
        for line in report.ratios(figures):
            print(f"\n{line}", flush=True)
        if args.results and not args.quick:
            report.save(args.results, name, figures)
    return 1 if failed else 0


def from_records(path):
    """Tables from a file of recorded runs."""
    grouped = {}
    with open(path) as f:
        for line in f:
            record = json.loads(line)
            scenario, label = record.pop("scenario"), record.pop("mta")
            record.pop("time", None)
            grouped.setdefault(scenario, {}).setdefault(label, []).append(record)
    for name in [s for s in SCENARIOS if s in grouped]:
        figures = {label: medians(results) for label, results in grouped[name].items()}
        print(f"### {name}: {SCENARIOS[name].what}\n\n{report.table(figures)}\n")


def surroundings():
    """The options of all that starts an instance or load."""
    where = argparse.ArgumentParser(add_help=False)
    where.add_argument("--scratch", default="/var/tmp",
                       help="a directory on a real disk, reachable by every user (default %(default)s)")
    where.add_argument("--port", type=int, default=20025,
                       help="first of five TCP ports (default %(default)s)")
    where.add_argument("--user", default="nobody", help="unprivileged user that gets mail")
    where.add_argument("--sink-user", default="nobody", help="user to run smtp-sink as")
    where.add_argument("--keep", action="store_true", help="keep the scratch directories")
    return where


def prepare_process():
    if os.geteuid() != 0:
        sys.exit("run this as root: mail servers switch users")
    for sig in (signal.SIGINT, signal.SIGTERM):             # clean up, even in the background
        signal.signal(sig, signal.default_int_handler)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def arguments():
    where = surroundings()
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure MTAs in alternation", parents=[where])
    run.add_argument("--mta", action="append", type=parse_spec, metavar="[LABEL=]KIND[:key=value,...]",
                     help="repeat for each MTA (default: tassis, and postfix if it is installed)")
    run.add_argument("--scenario", action="append", choices=[*SCENARIOS, "all"],
                     help="repeat for each scenario (default: all but those made by hand)")
    run.add_argument("--messages", type=int, help="instead of the scenario's own count")
    run.add_argument("-n", "--runs", type=int, help="runs of each MTA (default 5)")
    run.add_argument("--quick", action="store_true", help="one run of each with few messages, kept nowhere")
    run.add_argument("--results", metavar="DIR",
                     help="where RESULTS.md is kept, whose rows the run replaces (default: nowhere)")
    run.add_argument("--json", help="append every run to this file")
    run.add_argument("--keep-failed", action="store_true", help="keep those of failed runs")
    commands.add_parser("ceiling", help="file system and protocol ceilings, no MTA", parents=[where])
    rep = commands.add_parser("report", help="tables from a --json file")
    rep.add_argument("file")
    render = commands.add_parser("render", help="write RESULTS.md and its charts anew")
    render.add_argument("dir")
    commands.add_parser("list", help="list the scenarios")
    return parser.parse_args()


def main():
    args = arguments()
    if args.command == "list":
        for name, scenario in SCENARIOS.items():
            by_hand = " (when named)" if scenario.by_hand else ""
            print(f"{name:17} {scenario.count:8}  {scenario.what}{by_hand}")
        return 0
    if args.command == "report":
        return from_records(args.file)
    if args.command == "render":
        return report.render(args.dir)
    prepare_process()
    if args.command == "ceiling":
        return ceiling(args)
    args.scenario = args.scenario or ["all"]
    args.runs = args.runs or (1 if args.quick else 5)
    return compare(args)


if __name__ == "__main__":
    sys.exit(main())
