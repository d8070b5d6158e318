#!/usr/bin/env python3
"""What recording the whole machine costs a machine that has all its CPUs busy with compiling, beside perf record -a; interleaved.

usage: bench/all.py [--rounds N] [--seconds N]      as root

Each round compiles generated C files with one job per CPU: alone, and beside each recorder, which is started before and ended after.
The build's wall time and CPU time (getrusage(2) of make and all that it waited for) are compared; the recorder's own CPU time during
the build is what it takes from the build on a machine with no CPU to spare. Then an idle program is recorded by --pid for some seconds
beside such builds: what is written of it must not grow with what the others do.
"""

import json
import os
import signal
import statistics
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator

from common import (FAULTREC, PERF_EVENTS, build_faultrec, cpu_s, fail, faultrec_info, interleaved, need_root, parser_of, perf_counts, print_table, settle,
                    work_folder, write_c)

FILES = 100
FUNCTIONS = 60  # of each file
UNTRACED = "untraced"
PERF = [*PERF_EVENTS, "-a", "-m", "2048"]


@dataclass
class Recorder:
    command: list[str]
    output: Path
    count_rows: Callable[[Path], tuple[int, int]]  # and those that were lost


@dataclass
class Build:
    wall_s: float
    cpu_s: float
    faults: int
    recorder_s: float = 0
    rows: int = 0
    lost: int = 0
    file_bytes: int = 0


def recorders(folder: Path) -> dict[str, Recorder | None]:
    trace, data = folder / "all.parquet", folder / "perf.data"

    def record(*options: str) -> Recorder:
        return Recorder([str(FAULTREC), "record", "--all", *options, "--force", "-o", str(trace)], trace, faultrec_rows)

    def perf(*options: str) -> Recorder:
        return Recorder([*PERF, *options, "-o", str(data)], data, perf_counts)
    return {
        UNTRACED: None,
        "record --all --no-stacks": record("--no-stacks"),
        "perf record -a -d --phys-data": perf("--phys-data"),
        "record --all --stacks": record("--stacks"),
        "perf record -a -d -g": perf("-g"),
    }


def faultrec_rows(trace: Path) -> tuple[int, int]:
    info = faultrec_info(trace)
    return info["faults"], info["receipt"]["lost"] + info["receipt"]["lost_sideband"] + (info["stack_recording"] or {"lost": 0})["lost"]


@contextmanager
def recording(command: list[str]) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        settle(process.pid)
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        words = process.communicate()[1]
        if process.returncode not in (0, -signal.SIGINT):
            fail(f"{' '.join(command)} ended with {process.returncode}: {words.strip()[-500:]}")


def write_sources(folder: Path) -> None:
    for number in range(FILES):
        write_c(folder / f"work{number}.c", FUNCTIONS)
    (folder / "Makefile").write_text(f"all: {' '.join(f'work{number}.o' for number in range(FILES))}\n%.o: %.c\n\t@gcc -O1 -c -o $@ $<\n")


def compile_all(folder: Path) -> Build:
    begun = time.monotonic()
    process = subprocess.Popen(["make", "-s", "-B", f"-j{os.cpu_count()}", "-C", str(folder)], stdin=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        fail(f"make ended with {process.returncode}")
    return Build(time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_minflt + usage.ru_majflt)


def measure(recorder: Recorder | None, sources: Path) -> Build:
    if recorder is None:
        return compile_all(sources)
    with recording(recorder.command) as process:
        before_s = cpu_s(process.pid)
        build = compile_all(sources)
        build.recorder_s = cpu_s(process.pid) - before_s
    build.rows, build.lost = recorder.count_rows(recorder.output)
    build.file_bytes = recorder.output.stat().st_size
    return build


def show_builds(figures: dict[str, list[Build]]) -> None:
    wall = {name: min(build.wall_s for build in builds) for name, builds in figures.items()}
    cpu = {name: min(build.cpu_s for build in builds) for name, builds in figures.items()}

    def percent(name: str, of: dict[str, float]) -> str:
        return f"{100 * (of[name] / of[UNTRACED] - 1):+.1f} %"
    rows = [[UNTRACED, f"{wall[UNTRACED]:.2f} s", f"{cpu[UNTRACED]:.2f} s", "", "", "", ""]]
    for name, builds in figures.items():
        if name != UNTRACED:
            largest = max(builds, key=lambda build: build.rows)
            rows.append([name, percent(name, wall), percent(name, cpu), f"{statistics.median(build.recorder_s for build in builds):.2f} s",
                         f"{largest.rows:,}", f"{max(build.lost for build in builds):,}", f"{largest.file_bytes / 1e6:.0f} MB"])
    print_table(["beside the build", "wall time", "CPU time", "recorder's CPU", "rows", "lost", "file"], rows)
    print()
    names = list(figures)
    for ours, theirs in ((names[1], names[2]), (names[3], names[4])):
        ratios = " and ".join(f"{(of[ours] - of[UNTRACED]) / (of[theirs] - of[UNTRACED]):.2f} of the {what} time" for what, of in (("wall", wall), ("CPU", cpu))
                              if of[theirs] > of[UNTRACED])
        print(f"{ours} adds {ratios or 'no comparable time: ' + theirs + ' added nothing'} that {theirs} adds")


def record_idle(folder: Path, sources: Path, seconds: float) -> None:
    """The spool after a moment, and after a time in which the machine was busy."""
    trace = folder / "idle.parquet"
    spool = trace.with_name(trace.name + ".spool")
    idle = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    builds = 0
    with recording([str(FAULTREC), "record", "--force", "-o", str(trace), "--pid", str(idle.pid)]) as process:
        first_bytes, before_s, begun = spool.stat().st_size, cpu_s(process.pid), time.monotonic()
        while time.monotonic() - begun < seconds:
            compile_all(sources)
            builds += 1
        lasted_s, last_bytes, used_s = time.monotonic() - begun, spool.stat().st_size, cpu_s(process.pid) - before_s
    idle.stdin.close()
    idle.wait()
    info = faultrec_info(trace)
    print(f"record --pid of an idle cat, {lasted_s:.0f} s beside {builds} builds: spool {first_bytes:,} B when it had begun, {last_bytes:,} B at the end "
          f"({(last_bytes - first_bytes) / lasted_s:.0f} B/s); "
          f"trace {trace.stat().st_size:,} B, {info['faults']} faults, {info['processes']} process, {info['regions']} regions; "
          f"{info['receipt']['excluded']:,} faults of others passed the probe; {100 * used_s / lasted_s:.1f} % of a CPU for the recorder")


def main() -> None:
    parser = parser_of(__doc__, rounds=5)
    parser.add_argument("--seconds", type=float, default=30, help="that the idle program is recorded (default 30)")
    options = parser.parse_args()
    need_root()
    build_faultrec()
    with work_folder() as folder:
        sources = folder / "sources"
        sources.mkdir()
        write_sources(sources)
        figures = interleaved(options.rounds, recorders(folder), lambda recorder: measure(recorder, sources))
        print(f"{FILES} files compiled by {os.cpu_count()} jobs on {os.cpu_count()} CPUs, {figures[UNTRACED][0].faults:,} faults, "
              f"minimum of {options.rounds} interleaved rounds, Linux {os.uname().release}\n")
        show_builds(figures)
        print()
        record_idle(folder, sources, options.seconds)


if __name__ == "__main__":
    main()
