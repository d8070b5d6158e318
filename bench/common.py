"""What the benchmarks share: where things are, how they are built, and rounds in which everything that is compared takes its turn."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, NoReturn, TypeVar

ROOT = Path(__file__).resolve().parent.parent
FAULTREC = ROOT / "artifacts/faultrec/faultrec"
PROGRAMS = ROOT / "artifacts/bench"  # what is compiled here
LOOP = PROGRAMS / "fault_loop"
LOOP_PAGES = 16384
FLOOR = PROGRAMS / "floor"  # runs a command with empty programs where faultrec has its probes
FLOOR_PROBES = PROGRAMS / "floor.bpf.o"
PYTHON = "/usr/bin/python3"  # not a shim, which forks and executes several times
PERF_EVENTS = ["perf", "record", "-q", "-e", "minor-faults,major-faults", "-c", "1", "-d"]
SCRIPT = Path(sys.argv[0]).name

Way = TypeVar("Way")
Figure = TypeVar("Figure")


def fail(message: str, status: int = 1) -> NoReturn:
    print(f"{SCRIPT}: {message}", file=sys.stderr)
    sys.exit(status)


def parser_of(docstring: str, rounds: int | None = None) -> argparse.ArgumentParser:
    """With --rounds, if a script has them."""
    parser = argparse.ArgumentParser(description=docstring.replace("%", "%%"), formatter_class=argparse.RawDescriptionHelpFormatter)
    if rounds:
        parser.add_argument("--rounds", type=int, default=rounds, help=f"interleaved rounds (default {rounds})")
    return parser


def need_root() -> None:
    if os.geteuid() != 0:
        fail("recording needs the kernel's probes: run this as root", 4)


def run_text(command: list[str], **options) -> str:
    """What a command prints; its failure ends the script."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
    if done.returncode != 0:
        fail(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def compile_c(name: str, *flags: str, compiler: str = "gcc") -> Path:
    """bench/NAME.c as artifacts/bench/NAME."""
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    run_text([compiler, "-g", "-Wall", "-Wextra", "-Werror", "-o", str(PROGRAMS / name), str(ROOT / f"bench/{name}.c"), *flags])
    return PROGRAMS / name


def build_loop() -> None:
    compile_c("fault_loop", "-O1", compiler="clang")


def build_floor() -> None:
    compile_c("floor", "-O1", "-lbpf", compiler="clang")
    run_text(["clang", "-O2", "-g", "-target", "bpf", "-mcpu=v3", "-I/usr/include/x86_64-linux-gnu",
              "-c", str(ROOT / "bench/floor.bpf.c"), "-o", str(FLOOR_PROBES)])


def build_faultrec() -> None:
    run_text([str(ROOT / "faultrec")], env={**os.environ, "FAULTREC_BUILD_ONLY": "1"})


def build_fixtures() -> Path:
    run_text(["make", "-s", "-C", str(ROOT / "fixtures")])
    return ROOT / "fixtures/bin"


def write_c(file: Path, functions: int) -> None:
    """Work for a compiler: functions that each read, compare and call."""
    file.write_text("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n" + "".join(
        f"static int f{i}(int *a, int n) {{ int s = {i}; for (int j = 0; j < n; j++) {{ if (a[j] > s) s += a[j] * {i % 7 + 1}; else a[j] = s % (j + 1); }}"
        f" if (n > {i % 90}) printf(\"%d\", s); return s{f' + f{i - 1}(a, n - 1)' if i else ''}; }}\n" for i in range(functions))
        + f"int main(int argc, char **argv) {{ (void)argv; int *a = calloc(100, sizeof(*a)); return f{functions - 1}(a, argc); }}\n")


def perf_counts(data: Path) -> tuple[int, int]:
    """Samples in a file of perf, and those that perf says it lost, as the kernel counted them for each event."""
    by_event = run_text(["perf", "report", "-i", str(data), "--stats"]).split("-faults stats:")[1:]

    def count_of(kind: str) -> int:
        return sum(int(count) for stats in by_event for count in re.findall(rf" {kind} events: +(\d+)", stats))
    return count_of("SAMPLE"), count_of("LOST_SAMPLES")


def perf_lost(data: Path) -> int:
    return perf_counts(data)[1]


def faultrec_info(trace: Path) -> dict:
    return json.loads(run_text([str(FAULTREC), "info", str(trace), "--format", "json"]))


def cpu_s(pid: int) -> float:
    """CPU time of a process and of the children it waited for (proc_pid_stat(5))."""
    return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:15])) / os.sysconf("SC_CLK_TCK")


def settle(pid: int) -> None:
    """Waits until a recorder that was started has all in place: when it uses no more than a tenth of a CPU."""
    for _ in range(60):
        before = cpu_s(pid)
        time.sleep(0.5)
        if cpu_s(pid) - before <= 0.05:
            return
    fail(f"process {pid} does not come to rest")


@contextmanager
def work_folder() -> Iterator[Path]:
    # On disk, as a recording would be; /tmp may be memory.
    with tempfile.TemporaryDirectory(prefix="faultrec-bench-", dir="/var/tmp") as folder:
        yield Path(folder)


def interleaved(rounds: int, ways: dict[str, Way], measure: Callable[[Way], Figure], what: str = "") -> dict[str, list[Figure]]:
    """What each way measured, once a round: a machine that becomes slower meanwhile is slower for all of them."""
    figures: dict[str, list[Figure]] = {name: [] for name in ways}
    for number in range(1, rounds + 1):
        print(f"{what}{': ' if what else ''}round {number} of {rounds}", file=sys.stderr)
        for name, way in ways.items():
            figures[name].append(measure(way))
    return figures


def print_table(columns: list[str], rows: list[list[str]]) -> None:
    """Markdown, wide enough to be read as it is: the first column to the left, the others to the right."""
    widths = [max(3, *(len(row[i]) for row in [columns, *rows])) for i in range(len(columns))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    for row in [columns, rule, *rows]:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
        print(f"| {' | '.join(cells)} |", flush=True)
