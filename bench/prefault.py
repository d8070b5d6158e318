#!/usr/bin/env python3
"""Cold starts of real programs without and with their prefault plans, in pairs.

usage: bench/prefault.py [--pairs N] [-- COMMAND ARGS...]      as root

Each program is recorded once from cold, its plan exported, and then started in turn without and with the plan (the order changes from pair to
pair). Before every start /proc/sys/vm/drop_caches empties the whole page cache, with directories and inodes, and faultrec's
own executable is dropped with everything else: what a first start after a boot has. Times are from fork to exit.
"""

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from common import FAULTREC, build_faultrec, fail, need_root, parser_of

PROGRAMS = [
    ["/usr/bin/python3", "-c", "import gi; gi.require_version('Gtk', '3.0'); from gi.repository import Gtk"],
    ["/usr/bin/python3", "-c", "import smbc, apt_pkg, cups, dbus, cryptography.hazmat.bindings._rust"],
    ["/usr/bin/python3", "-c", "import asyncio, json, sqlite3, ssl, ctypes, lzma, decimal, xml.dom.minidom, unittest.mock"],
    ["/usr/bin/node", "-e", "require('crypto').createHash('sha256')"],
    ["/usr/bin/dotnet", "--version"],
]


def drop_caches() -> None:
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3", encoding="ascii")


def cold_start(command: list[str]) -> tuple[float, int]:
    """Milliseconds and major faults."""
    drop_caches()
    begin = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        fail(f"{command} ended with status {process.returncode}")
    return (time.monotonic() - begin) * 1000, usage.ru_majflt


def make_plan(command: list[str], folder: Path) -> Path:
    trace, plan = folder / "start.parquet", folder / "start.plan"
    drop_caches()
    subprocess.run([FAULTREC, "record", "--no-stacks", "--force", "-o", trace, "--", *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run([FAULTREC, "export", trace, "--to", "prefault-plan", "--force", "-o", plan], check=True)
    return plan


def describe(starts: list[tuple[float, int]]) -> str:
    times = [start[0] for start in starts]
    return f"{statistics.median(times):7.0f} {min(times):6.0f}-{max(times):<6.0f} {statistics.median(start[1] for start in starts):6.0f}"


def compare(command: list[str], pairs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plan = make_plan(command, Path(folder))
        header = json.loads(plan.read_text(encoding="ascii").splitlines()[0])
        lengths = (json.loads(line).get("length", 0) for line in plan.read_text(encoding="ascii").splitlines())
        planned = [str(FAULTREC), "prefault", str(plan), "--", *command]
        without, with_plan = [], []
        for pair in range(pairs):
            sides = [(command, without), (planned, with_plan)]
            for side, starts in sides if pair % 2 == 0 else reversed(sides):
                starts.append(cold_start(side))
    faster = sum(after[0] < before[0] for before, after in zip(without, with_plan))
    gain = 1 - statistics.median(start[0] for start in with_plan) / statistics.median(start[0] for start in without)
    print(f"{' '.join(command)[:110]}\n  plan: {header['files']} files, {header['ranges']} ranges, {sum(lengths) / 2**20:.1f} MiB")
    print(f"  {'':8} {'median':>7} {'range, ms':^13} major")
    print(f"  {'without':8} {describe(without)}\n  {'with':8} {describe(with_plan)}")
    print(f"  the median with the plan is {abs(gain) * 100:.0f} % {'less' if gain >= 0 else 'more'}; faster in {faster} of {pairs} pairs", flush=True)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("command", nargs="*")
    arguments = parser.parse_args()
    need_root()
    build_faultrec()
    for command in [arguments.command] if arguments.command else PROGRAMS:
        if shutil.which(command[0]) is None:
            print(f"{command[0]}: not here, left out")
            continue
        compare(command, arguments.pairs)


if __name__ == "__main__":
    main()
