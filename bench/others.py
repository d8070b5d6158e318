#!/usr/bin/env python3
"""What programs pay that nobody records, while another one is recorded: added ns per operation, beside empty programs and perf.

usage: bench/others.py [--rounds N]      as root

The loops (bench/bystander.c) time themselves, on one CPU. Meanwhile an idle cat is recorded, as a command or by --pid, so nothing of
what the loops do is in a trace. The floors are empty programs in the places of faultrec's own (bench/floor.c): what the kernel
takes for calling them, most of it its slow path of system calls, which every thread takes while anything is attached to sys_exit.
"""

import json
import os
import statistics
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from common import (FAULTREC, FLOOR, FLOOR_PROBES, PERF_EVENTS, PROGRAMS, build_faultrec, build_floor, compile_c, fail, interleaved, need_root, parser_of,
                    print_table, run_text, settle, work_folder)

LOOPS = {"getppid": 200, "touch": 50, "switch": 100, "fork": 40, "mmap": 100}  # name and rounds: 0.1 to 0.4 s each
UNTRACED = "nobody recorded"
IDLE = "cat"  # waits for its input, and ends with it
Recorder = list[str]  # its command; the word PID stands for an idle program that runs already. Empty: none


def recorders(output: Path) -> dict[str, Recorder]:
    def record(*options: str) -> Recorder:
        return [str(FAULTREC), "record", *options, "--force", "-o", str(output), *([] if "--pid" in options else ["--", IDLE])]
    return {
        UNTRACED: [],
        "floor, command": [str(FLOOR), str(FLOOR_PROBES), "empty", IDLE],
        "record --no-stacks -- cat": record("--no-stacks"),
        "record -- cat": record(),
        "floor, --pid": [str(FLOOR), str(FLOOR_PROBES), "machine", IDLE],
        "record --no-stacks --pid": record("--no-stacks", "--pid", "PID"),
        "record --pid": record("--pid", "PID"),
        "perf record -d -p": [*PERF_EVENTS, "-o", str(output), "-p", "PID"],
        "perf record -d -g -p": [*PERF_EVENTS, "-g", "-o", str(output), "-p", "PID"],
    }


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """While a recorder is in place and has nothing to do."""
    if not recorder:
        yield
        return
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    idle = subprocess.Popen([IDLE], **pipes) if "PID" in recorder else None
    command = [str(idle.pid) if word == "PID" else word for word in recorder]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, **({"text": True} if idle else pipes))
    cat = idle or process
    try:
        # A command's cat answers when the probes are in place and it was started.
        print("ready?", file=cat.stdin, flush=True)
        if not cat.stdout.readline():
            fail(f"{' '.join(command)}: {process.stderr.read().strip()[-500:]}")
        settle(process.pid)
        yield
    finally:
        cat.stdin.close()
        words = process.stderr.read()
        cat.wait()
        if process.wait() != 0:
            fail(f"{' '.join(command)} ended with {process.returncode}: {words.strip()[-500:]}")


def measure(recorder: Recorder, loops: dict[str, int]) -> dict[str, dict[str, float]]:
    with recording(recorder):
        return {loop: json.loads(run_text([str(PROGRAMS / "bystander"), loop, str(rounds), str(os.cpu_count() - 1)])) for loop, rounds in loops.items()}


def build() -> None:
    compile_c("bystander", "-O2")
    build_floor()
    build_faultrec()


def show(figures: dict[str, list[dict[str, dict[str, float]]]]) -> None:
    def least(way: str, loop: str) -> float:
        return min(figure[loop]["min_ns"] for figure in figures[way])

    def middle(way: str, loop: str) -> float:
        return statistics.median(figure[loop]["median_ns"] for figure in figures[way])

    print_table([UNTRACED, *LOOPS], [["ns per operation", *(f"{least(UNTRACED, loop):.0f} ({middle(UNTRACED, loop):.0f})" for loop in LOOPS)]])
    print()
    print_table(["recorded beside it", *LOOPS], [
        [way, *(f"{least(way, loop) - least(UNTRACED, loop):+.0f} ({middle(way, loop) - middle(UNTRACED, loop):+.0f})" for loop in LOOPS)]
        for way in figures if way != UNTRACED])


def main() -> None:
    rounds = parser_of(__doc__, rounds=7).parse_args().rounds
    need_root()
    build()
    with work_folder() as folder:
        begun = time.monotonic()
        figures = interleaved(rounds, recorders(folder / "output"), lambda recorder: measure(recorder, LOOPS))
    print(f"ns per operation, and what is added to it: minimum (median) of {rounds} interleaved rounds in {time.monotonic() - begun:.0f} s, "
          f"Linux {os.uname().release}\n")
    show(figures)


if __name__ == "__main__":
    main()
