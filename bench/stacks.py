#!/usr/bin/env python3
"""What the stack of a fault costs, by the shape of the stack, beside perf record -g; interleaved.

usage: bench/stacks.py [--only NAME,NAME] [--rounds N]      as root

The C loops (bench/stack_loop.c, compiled without frame pointers) and Python's bytearray time their touches. Other programs do not:
for them it is the CPU time of the program and its children that a recorder adds, divided by their faults (bench/cpu_time.py). With
that time change start-up and garbage collection, so it varies more, and includes what the program does because it is recorded,
such as writing names of generated code. `perf -g` follows frame pointers and finds two or three frames of most of these programs;
`perf dwarf` copies 8 KiB of stack for each fault and unwinds it later; a fault that it loses costs it little.
"""

import json
import os
import shutil
import statistics
from pathlib import Path

from common import (FAULTREC, PERF_EVENTS, PYTHON, ROOT, build_faultrec, compile_c, fail, interleaved, need_root, parser_of, perf_lost, print_table, run_text,
                    work_folder, write_c)

PERF = [*PERF_EVENTS, "-m", "2048"]
MANAGED = ROOT / "fixtures/managed/bin/Release/net10.0/Faultrec.ManagedTouch"
BLOBS = "create table t(b); with recursive c(x) as (select 1 union all select x + 1 from c where x < 100000) insert into t select randomblob(2000) from c"
C_FILES = 20
C_FUNCTIONS = 60  # of each file


def loops() -> dict[str, list[str]]:
    """Programs that time their touches."""
    cpu = str(os.cpu_count() - 1)
    loop = str(compile_c("stack_loop", "-O2", "-fomit-frame-pointer"))

    def shaped(shape: str, depth: int) -> list[str]:
        return [loop, shape, str(depth), "8192", "32", cpu]
    return {
        "C, 1 call deep": shaped("same", 1),
        "C, 20 calls deep": shaped("same", 20),
        "C, 20 deep, 8 callees in turn": shaped("leaves", 20),
        "C, 1 to 20 deep in turn": shaped("depths", 20),
        "C, recursion of 14 calls": shaped("halves", 0),
        "Python, bytearray(64 MiB)": ["taskset", "-c", cpu, PYTHON, str(ROOT / "bench/allocate.py")],
    }


def others(folder: Path) -> dict[str, list[str]]:
    """Programs whose CPU time is compared, those that are installed."""
    sources = [folder / f"work{number}.c" for number in range(C_FILES)]
    for source in sources:
        write_c(source, C_FUNCTIONS)
    programs = {
        "Go, 400 goroutines": [str(folder / "goroutines"), "400"],
        "Node, Uint8Array": ["node", str(ROOT / "fixtures/touch.js"), "60"],
        ".NET, byte[]": [str(MANAGED), "60"],
        "Java, byte[]": ["java", "-Xmx2g", "-cp", str(folder), "Touch", "60"],
        "sqlite3, 100,000 blobs": ["sqlite3", ":memory:", BLOBS],
        f"gcc -c, {C_FILES} files": ["gcc", "-O1", "-c", *map(str, sources)],
    }
    prepare = {
        "Go, 400 goroutines": ["go", "build", "-o", str(folder / "goroutines"), str(ROOT / "bench/goroutines.go")],
        "Java, byte[]": ["javac", "-d", str(folder), str(ROOT / "fixtures/Touch.java")],
    }
    for name in list(programs):
        tool = prepare.get(name, programs[name])[0]
        if not shutil.which(tool):
            print(f"{name}: {tool} is not here, left out")
            del programs[name]
        elif name in prepare:
            run_text(prepare[name])
    return {name: [PYTHON, str(ROOT / "bench/cpu_time.py"), str(folder), *program] for name, program in programs.items()}


def tracers(output: Path) -> dict[str, list[str]]:
    def record(*options: str) -> list[str]:
        return [str(FAULTREC), "record", *options, "--force", "-o", str(output), "--"]
    return {
        "untraced": [],
        "record --no-stacks": record("--no-stacks"),
        "record": record("--stacks"),
        "perf -g": [*PERF, "-g", "-o", str(output), "--"],
        "perf dwarf": [*PERF, "--call-graph", "dwarf", "-o", str(output), "--"],
    }


def costs(program: list[str], output: Path, rounds: int, name: str) -> list[str]:
    def measure(before: list[str]) -> dict[str, float]:
        figure = json.loads(run_text([*before, *program]).splitlines()[0])
        return {**figure, "lost": perf_lost(output) if before[:1] == PERF[:1] else 0}
    figures = interleaved(rounds, tracers(output), measure, name)
    least = {way: min(figure["min_ns"] for figure in each) for way, each in figures.items()}
    middle = {way: statistics.median(figure["median_ns"] for figure in each) for way, each in figures.items()}
    added = [f"{least[way] - least['untraced']:.0f} ({middle[way] - middle['untraced']:.0f})" for way in figures if way != "untraced"]
    perf_ns = least["perf -g"] - least["untraced"]
    ratio = f"{(least['record'] - least['untraced']) / perf_ns:.2f}" if perf_ns > 0 else "-"
    lost = max(figure["lost"] / figure["faults"] for figure in figures["perf dwarf"])
    return [name, f"{min(figure['faults'] for figure in figures['untraced']):,}", f"{least['untraced']:.0f}", *added, f"{100 * lost:.0f} %", ratio]


def main() -> None:
    parser = parser_of(__doc__, rounds=5)
    parser.add_argument("--only", help="names of programs up to their comma, with commas: C,Node")
    options = parser.parse_args()
    need_root()
    build_faultrec()
    with work_folder() as folder:
        programs = loops() | others(folder)
        if options.only:
            programs = {name: program for name, program in programs.items() if name.split(",")[0] in options.only.split(",")}
        if not programs:
            fail(f"no program has one of the names {options.only}")
        rows = [costs(program, folder / "output", options.rounds, name) for name, program in programs.items()]
    print(f"added ns per fault, minimum (median) of {options.rounds} interleaved rounds, Linux {os.uname().release}\n")
    print_table(["program", "faults", "untraced", *list(tracers(folder))[1:], "dwarf lost", "record / perf -g"], rows)


if __name__ == "__main__":
    main()
