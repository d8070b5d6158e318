#!/usr/bin/env python3
"""What recording costs a page fault, side by side in one interleaved run; and how fast the results are read.

usage: bench/run.py [--quick] [--rounds N]      as root

Every tracer runs around the same loop (bench/fault_loop.c), which times itself; each figure is the minimum over all
rounds of all runs. A tracer that is not there is named with the reason and left out.
"""

import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

from common import (FAULTREC, FLOOR, FLOOR_PROBES, LOOP, LOOP_PAGES, PERF_EVENTS, build_faultrec, build_floor, build_loop, fail, interleaved, need_root,
                    parser_of, perf_lost, run_text, work_folder)

READ_RUNS = 3


@dataclass
class Tracer:
    name: str
    command: Callable[[Path], list[str]]  # what goes before the loop, given the output file
    missing: str = ""                     # why it cannot run here; empty when it can
    count_lost: Callable[[Path], int] | None = None
    min_ns: list[float] = field(default_factory=list)
    median_ns: list[float] = field(default_factory=list)
    finish_s: list[float] = field(default_factory=list)  # from the loop's last line to the tracer's end
    bytes_per_fault: float | None = None
    lost: int | None = None
    faults: int = 0
    output: Path | None = None


def faultrec_lost(trace: Path) -> int:
    capture = json.loads(run_text([str(FAULTREC), "report", str(trace), "--format", "json"]))["capture"]
    return capture["lost"] + capture["lost_sideband"]


def trace_lost(lines: Path) -> int:
    """Faults that the text itself says it does not show."""
    return sum(int(count.replace(",", "")) for count in re.findall(r"([\d,]+) faults? not shown", lines.read_text()))


def tracers() -> list[Tracer]:
    no_perf = "" if shutil.which("perf") else "perf is not installed: scripts/install-deps.sh --test"
    return [
        Tracer("untraced", lambda out: []),
        Tracer("floor: empty programs", lambda out: [str(FLOOR), str(FLOOR_PROBES), "empty"]),
        Tracer("floor: two readings of the clock", lambda out: [str(FLOOR), str(FLOOR_PROBES), "clock"]),
        Tracer("perf record -d", lambda out: [*PERF_EVENTS, "-o", str(out), "--"], no_perf, perf_lost),
        Tracer("perf record -d --phys-data --data-page-size",
               lambda out: [*PERF_EVENTS, "--phys-data", "--data-page-size", "-o", str(out), "--"], no_perf, perf_lost),
        Tracer("perf record -d -g (kernel and user, frame pointers)",
               lambda out: [*PERF_EVENTS, "-g", "-o", str(out), "--"], no_perf, perf_lost),
        Tracer("perf trace -F all (lines to a file)",
               lambda out: ["perf", "trace", "-F", "all", "--no-syscalls", "-o", str(out), "--"], no_perf),
        Tracer("faultrec trace (lines to a file)",
               lambda out: [str(FAULTREC), "trace", "-o", str(out), "--"], count_lost=trace_lost),
        Tracer("faultrec record --backend perf", faultrec_record("--backend", "perf"), count_lost=faultrec_lost),
        Tracer("faultrec record --no-stacks --why", faultrec_record("--no-stacks", "--why"), count_lost=faultrec_lost),
        # These two stay the last: print_speeds reads their files.
        Tracer("faultrec record --no-stacks", faultrec_record("--no-stacks"), count_lost=faultrec_lost),
        Tracer("faultrec record", faultrec_record(), count_lost=faultrec_lost),
    ]


def faultrec_record(*options: str) -> Callable[[Path], list[str]]:
    return lambda out: [str(FAULTREC), "record", *options, "--force", "-o", str(out), "--"]


def measure(tracer: Tracer, folder: Path, loop_rounds: int) -> None:
    """One run of the loop under the tracer; adds to the tracer's figures, or names why it cannot be measured."""
    output = folder / re.sub(r"\W+", "-", tracer.name)
    cpu = os.cpu_count() - 1
    command = [*tracer.command(output), str(LOOP), str(LOOP_PAGES), str(loop_rounds), str(cpu)]
    with open(folder / "stderr", "w+") as stderr:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr, text=True)
        line = process.stdout.readline()
        loop_ended = time.monotonic()
        process.stdout.read()
        _, status = os.waitpid(process.pid, 0)
        finish_s = time.monotonic() - loop_ended
        process.returncode = os.waitstatus_to_exitcode(status)
        stderr.seek(0)
        talk = stderr.read().strip()
    if process.returncode != 0 or not line.startswith("{"):
        tracer.missing = f"ended with {process.returncode}: {talk.splitlines()[-1] if talk else 'no message'}"
        return
    loop = json.loads(line)
    tracer.faults = loop["faults"]
    tracer.min_ns.append(loop["min_ns"])
    tracer.median_ns.append(loop["median_ns"])
    tracer.finish_s.append(finish_s)
    if tracer.count_lost:
        tracer.output = output
        tracer.bytes_per_fault = output.stat().st_size / loop["faults"]
        tracer.lost = (tracer.lost or 0) + tracer.count_lost(output)


def print_costs(all_tracers: list[Tracer]) -> None:
    base, perf = all_tracers[0], all_tracers[3]
    print(f"{'':52}{'ns/fault':>9}{'median':>8}{'added':>7}{'/perf -d':>9}{'B/fault':>9}{'lost':>7}")
    for tracer in all_tracers:
        if tracer.missing:
            print(f"{tracer.name:52}  left out: {tracer.missing}")
            continue
        added = min(tracer.min_ns) - min(base.min_ns)
        perf_added = 0 if perf.missing else min(perf.min_ns) - min(base.min_ns)
        ratio = f"{added / perf_added:.2f}" if perf_added > 0 and tracer is not base else "-"
        size = "-" if tracer.bytes_per_fault is None else f"{tracer.bytes_per_fault:.1f}"
        lost = "-" if tracer.lost is None else str(tracer.lost)
        print(f"{tracer.name:52}{min(tracer.min_ns):9.0f}{min(tracer.median_ns):8.0f}{added:7.0f}{ratio:>9}{size:>9}"
              f"{lost:>7}")


def print_speeds(all_tracers: list[Tracer]) -> None:
    """Rows per second of finishing a file and of reading it. The two tools' files hold the same faults."""
    perf = all_tracers[3]
    for what, faultrec in (" --no-stacks", all_tracers[-2]), ("", all_tracers[-1]):
        if not faultrec.missing:
            print_speed(f"record{what}: program's end to finished trace", faultrec.faults, min(faultrec.finish_s))
            print_speed(f"record{what}: faultrec report", faultrec.faults, fastest([str(FAULTREC), "report", str(faultrec.output)]))
    if not perf.missing:
        print_speed("perf script > /dev/null", perf.faults, fastest(["perf", "script", "-i", str(perf.output)]))


def print_speed(name: str, rows: int, seconds: float) -> None:
    print(f"{name:52}{rows / seconds / 1e6:9.2f} M rows/s {seconds:8.3f} s for {rows:,}")


def fastest(command: list[str]) -> float:
    """Seconds of the fastest run."""
    seconds = []
    for _ in range(READ_RUNS):
        begun = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        _, status = os.waitpid(process.pid, 0)
        seconds.append(time.monotonic() - begun)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            fail(f"{' '.join(command)} ended with {process.returncode}")
    return min(seconds)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--quick", action="store_true", help="a quarter of the faults and two rounds: figures are rougher")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default 7; 2 with --quick)")
    options = parser.parse_args()
    need_root()
    rounds = options.rounds or (2 if options.quick else 7)
    loop_rounds = 16 if options.quick else 64

    build_loop()
    build_floor()
    build_faultrec()
    all_tracers = tracers()
    with work_folder() as folder:
        interleaved(rounds, {tracer.name: tracer for tracer in all_tracers}, lambda tracer: tracer.missing or measure(tracer, folder, loop_rounds))
        print(f"4 KiB first touches, {LOOP_PAGES * loop_rounds:,} a run, {rounds} interleaved rounds, Linux {os.uname().release}\n")
        print_costs(all_tracers)
        print()
        print_speeds(all_tracers)


if __name__ == "__main__":
    main()
