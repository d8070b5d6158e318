#!/usr/bin/env python3
"""Has anything become slower? A short set of ratios, compared with bench/baseline.json within each figure's noise.

usage: bench/check.py [--write [RUNS]] [--only GROUP,GROUP] [--rounds N]      as root, after dotnet build Toolkit.sln -c Release

Every figure is faultrec's cost over that of perf, DuckDB, empty programs or a fixed piece of work in the same interleaved rounds, so
that it means the same on another machine; or bytes. More is worse. Exit status 1 and a line for each figure that is further above its
baseline than twice its noise, which is the largest distance from the median in the runs of --write. The machine must have nothing else
to do.
"""

import json
import os
import random
import statistics
import sys
import time
import zlib
from pathlib import Path

import bytes as sizes
import others
import read
import run
import stacks
from common import ROOT, build_loop, fail, faultrec_info, interleaved, need_root, parser_of, print_table, run_text, work_folder

BASELINE = ROOT / "bench/baseline.json"
LEAST_NOISE = 0.05  # runs on different days differ by more than those of one --write
MOST_LOST = 0.05  # of a recorder's faults: what it loses costs it nothing
LOOP_ROUNDS = 32
READ_FAULTS = 3_000_000
BYSTANDER_ROUNDS = {"getppid": 300, "touch": 50}
FIXED_WORK = random.Random(1).randbytes(8 << 20)


def fixed_work_s() -> float:
    begun = time.monotonic()
    zlib.compress(FIXED_WORK, 1)
    return time.monotonic() - begun


def recording(folder: Path, rounds: int) -> dict[str, float]:
    """Added ns of a fault, and from the program's end to the finished trace."""
    names = {
        "untraced": "untraced", "perf": "perf record -d --phys-data --data-page-size", "perf -g": "perf record -d -g (kernel and user, frame pointers)",
        "no stacks": "faultrec record --no-stacks", "stacks": "faultrec record",
    }
    by_name = {tracer.name: tracer for tracer in run.tracers()}
    chosen = {short: by_name[name] for short, name in names.items()}
    work_s = []

    def run_loop(tracer: run.Tracer) -> None:
        run.measure(tracer, folder, LOOP_ROUNDS)
        work_s.append(fixed_work_s())
        if tracer.missing:
            fail(f"{tracer.name}: {tracer.missing}")
    interleaved(rounds, chosen, run_loop, "recording")
    for tracer in chosen.values():
        if (tracer.lost or 0) > MOST_LOST * rounds * tracer.faults:
            fail(f"{tracer.name} lost {tracer.lost:,} faults: this machine has too much else to do")
    added = {short: min(tracer.min_ns) - min(chosen["untraced"].min_ns) for short, tracer in chosen.items()}
    return {
        "record --no-stacks / perf record -d --phys-data --data-page-size, added to a fault": added["no stacks"] / added["perf"],
        "record / perf record -d -g, added to a fault": added["stacks"] / added["perf -g"],
        "record --no-stacks: program's end to finished trace / fixed work": min(chosen["no stacks"].finish_s) / min(work_s),
        "record: program's end to finished trace / fixed work": min(chosen["stacks"].finish_s) / min(work_s),
    }


def deep_stacks(folder: Path, rounds: int) -> dict[str, float]:
    name = "C, 20 deep, 8 callees in turn"
    program = stacks.loops()[name]
    ways = {way: before for way, before in stacks.tracers(folder / "output").items() if way in ("untraced", "record", "perf -g")}
    figures = interleaved(rounds, ways, lambda before: json.loads(run_text([*before, *program]).splitlines()[0])["min_ns"], "stacks")
    least = {way: min(each) for way, each in figures.items()}
    return {f"record / perf record -d -g, {name}": (least["record"] - least["untraced"]) / (least["perf -g"] - least["untraced"])}


def bystanders(folder: Path, rounds: int) -> dict[str, float]:
    pairs = {"a command": ("record -- cat", "floor, command"), "--pid": ("record --pid", "floor, --pid")}
    names = [name for pair in pairs.values() for name in pair]
    ways = {name: command for name, command in others.recorders(folder / "output").items() if name in names}
    figures = interleaved(rounds, ways, lambda command: others.measure(command, BYSTANDER_ROUNDS), "others")

    def least(way: str, loop: str) -> float:
        return min(figure[loop]["min_ns"] for figure in figures[way])
    return {f"another program's {loop}: beside a recording of {target} / beside empty programs": least(ours, loop) / least(floor, loop)
            for target, (ours, floor) in pairs.items() for loop in BYSTANDER_ROUNDS}


def reading(folder: Path, rounds: int) -> dict[str, float]:
    duckdb = "DuckDB: the same by region, exact quantiles and distinct pages"
    wanted = {one.name: one for one in read.synthetic(folder / "synthetic.parquet", READ_FAULTS) if one.name in ("report", "report --by region", duckdb)}
    interleaved(rounds, wanted, read.measure, "reading")
    return {f"{name} / DuckDB's SQL for regions": wanted[name].seconds / wanted[duckdb].seconds for name in ("report", "report --by region")}


def sizes_of(folder: Path, _: int) -> dict[str, float]:
    """Without the frames, whose bytes depend on how scattered the machine's free memory is."""
    trace = folder / "bytes.parquet"
    figures = {}
    for name, program in sizes.programs().items():
        sizes.record(program, trace)
        frames = next(int(column["bytes"]) for column in sizes.columns_of(trace) if column["name"] == "pfn")
        figures[f"bytes a fault of {name}, without pfn"] = (trace.stat().st_size - frames) / faultrec_info(trace)["faults"]
    return figures


GROUPS = {"recording": recording, "stacks": deep_stacks, "others": bystanders, "reading": reading, "bytes": sizes_of}


def measure(groups: list[str], rounds: int) -> dict[str, float]:
    figures = {}
    with work_folder() as folder:
        for group in groups:
            figures |= GROUPS[group](folder, rounds)
    return figures


def write_baseline(measured: list[dict[str, float]]) -> None:
    """Figures of groups that were not measured stay."""
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    for name in measured[0]:
        values = [figures[name] for figures in measured]
        middle = statistics.median(values)
        baseline[name] = {"value": round(middle, 4), "noise": round(max(LEAST_NOISE, *(abs(value / middle - 1) for value in values)), 4)}
    BASELINE.write_text(json.dumps(baseline, indent=2) + "\n")
    print_table(["figure", "baseline", "noise"], [[name, f"{figure['value']:.3f}", f"{100 * figure['noise']:.0f} %"] for name, figure in baseline.items()])


def compare(now: dict[str, float]) -> list[str]:
    """The figures that became worse, in words."""
    baseline = json.loads(BASELINE.read_text())
    rows, worse = [], []
    for name, value in now.items():
        if name not in baseline:
            fail(f"{BASELINE.name} has no figure '{name}': check.py --write", 2)
        before, noise = baseline[name]["value"], baseline[name]["noise"]
        change = value / before - 1
        if change > 2 * noise:
            worse.append(f"{name}: {value:.3f} instead of {before:.3f}, {100 * change:.0f} % more, with a noise of {100 * noise:.0f} %")
        rows.append([name, f"{before:.3f}", f"{100 * noise:.0f} %", f"{value:.3f}", f"{100 * change:+.0f} %", "worse" if change > 2 * noise else ""])
    print_table(["figure", "baseline", "noise", "now", "change", ""], rows)
    return worse


def main() -> None:
    parser = parser_of(__doc__, rounds=6)
    parser.add_argument("--write", type=int, nargs="?", const=5, metavar="RUNS", help="measure RUNS times (default 5) and write the baseline")
    parser.add_argument("--only", default=",".join(GROUPS), help=f"groups of figures, with commas (default {','.join(GROUPS)})")
    options = parser.parse_args()
    groups = options.only.split(",")
    if unknown := set(groups) - GROUPS.keys():
        fail(f"no group of figures has the name {', '.join(unknown)}", 2)
    need_root()
    build_loop()
    others.build()
    begun = time.monotonic()
    if options.write:
        write_baseline([measure(groups, options.rounds) for _ in range(options.write)])
        return
    worse = compare(measure(groups, options.rounds))
    print(f"\nminima of {options.rounds} interleaved rounds, in {time.monotonic() - begun:.0f} s, Linux {os.uname().release}")
    for line in worse:
        print(f"check.py: worse: {line}", file=sys.stderr)
    sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()
