#!/usr/bin/env python3
"""What the stack of a fault costs, by the shape of the stack, beside perf record -g; interleaved.

usage: bench/stacks.py [--rounds N]      as root

Programs that touch pages time themselves: bench/stack_loop.c, compiled without frame pointers, and Python's bytearray. Each
figure is the minimum, and the median of medians, over all rounds. `perf -g` follows frame pointers and finds two or three
frames of these programs; `perf dwarf` copies 8 KiB of stack for each fault and unwinds it later.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOOP = ROOT / "artifacts/bench/stack_loop"
FAULTREC = ROOT / "artifacts/faultrec/faultrec"
PERF = ["perf", "record", "-q", "-e", "minor-faults,major-faults", "-c", "1", "-d", "-m", "2048"]


def programs(cpu: int) -> dict[str, list[str]]:
    def loop(shape: str, depth: int) -> list[str]:
        return [str(LOOP), shape, str(depth), "8192", "32", str(cpu)]
    return {
        "C, 1 call deep": loop("same", 1),
        "C, 20 calls deep": loop("same", 20),
        "C, 20 deep, 8 callees in turn": loop("leaves", 20),
        "C, 1 to 20 deep in turn": loop("depths", 20),
        "Python, bytearray(64 MiB)": ["taskset", "-c", str(cpu), "/usr/bin/python3", str(ROOT / "bench/allocate.py")],
    }


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


def run(command: list[str]) -> dict[str, float]:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"stacks.py: {' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout.splitlines()[0])


def build() -> None:
    LOOP.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-fomit-frame-pointer", "-o", str(LOOP),
                    str(ROOT / "bench/stack_loop.c")], check=True)
    subprocess.run([str(ROOT / "faultrec")], env={**os.environ, "FAULTREC_BUILD_ONLY": "1"}, stdin=subprocess.DEVNULL, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default 5)")
    rounds = parser.parse_args().rounds
    if os.geteuid() != 0:
        print("stacks.py: recording needs the kernel's probes: run this as root", file=sys.stderr)
        sys.exit(4)
    build()
    # On disk, as a recording would be; /tmp may be memory.
    with tempfile.TemporaryDirectory(prefix="faultrec-bench-", dir="/var/tmp") as folder:
        ways = tracers(Path(folder) / "output")
        print(f"added ns per fault, minimum (median) of {rounds} interleaved rounds, Linux {os.uname().release}\n")
        print(f"{'':32}{'untraced':>10}" + "".join(f"{way:>20}" for way in list(ways)[1:]) + f"{'record / perf -g':>18}")
        for name, program in programs(os.cpu_count() - 1).items():
            figures: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
            for _ in range(rounds):
                for way, before in ways.items():
                    figures[way].append(run([*before, *program]))
            least = {way: min(figure["min_ns"] for figure in each) for way, each in figures.items()}
            middle = {way: statistics.median(figure["median_ns"] for figure in each) for way, each in figures.items()}
            added = [f"{least[way] - least['untraced']:.0f} ({middle[way] - middle['untraced']:.0f})" for way in list(ways)[1:]]
            ratio = (least["record"] - least["untraced"]) / (least["perf -g"] - least["untraced"])
            print(f"{name:32}{least['untraced']:10.0f}" + "".join(f"{text:>20}" for text in added) + f"{ratio:18.2f}")


if __name__ == "__main__":
    main()
