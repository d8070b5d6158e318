#!/usr/bin/env python3
"""How fast recordings are read, side by side in one interleaved run: faultrec report, DuckDB's SQL for the same table, perf script.

usage: bench/read.py [--faults 10e6[,100e6]] [--rounds N] [--no-perf]     recording for perf needs root

Times are of whole commands, the minimum over all rounds; peak MB is VmHWM, the largest resident memory of the process. The
synthetic traces are bench/MakeTrace's: 12 threads, 608 mappings, a fault in a thousand of the file mappings major; 100e6 faults are
on 10 million pages. The account of resident memory is in `report` and in the rows --by resident, growth, release and churn; --by region
is a report without it.
"""

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from common import FAULTREC, LOOP, LOOP_PAGES, PERF_EVENTS, ROOT, build_faultrec, build_loop, fail, interleaved, parser_of, run_text, work_folder

MAKE_TRACE = ROOT / "bench/MakeTrace/bin/Release/net10.0/Faultrec.MakeTrace"
REGIONS_SQL = """SELECT region_id, any_value(region), any_value(pid), count(*) AS faults, count_if(major),
    count(DISTINCT address >> 12), quantile_cont(duration_ns, [0.5, 0.99]), sum(duration_ns) FROM faults GROUP BY region_id ORDER BY faults DESC"""
COUNTS_SQL = "SELECT region_id, count(*), count_if(major), sum(duration_ns) FROM faults GROUP BY region_id ORDER BY 2 DESC"


@dataclass
class Reading:
    name: str
    command: list[str] | str  # a string is for the shell
    seconds: float = float("inf")
    peak_mb: float = 0


def peak_of(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0


def measure(reading: Reading) -> None:
    is_shell = isinstance(reading.command, str)
    begun = time.monotonic()
    process = subprocess.Popen(reading.command, shell=is_shell, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while True:
        reading.peak_mb = max(reading.peak_mb, 0 if is_shell else peak_of(process.pid))
        try:
            process.wait(0.01)
            break
        except subprocess.TimeoutExpired:
            continue
    reading.seconds = min(reading.seconds, time.monotonic() - begun)
    if process.returncode != 0:
        fail(f"{reading.command} ended with {process.returncode}: {process.stderr.read().decode()[-500:]}")


def synthetic(trace: Path, faults: int) -> list[Reading]:
    if not MAKE_TRACE.exists():
        fail("bench/MakeTrace is not built: dotnet build Toolkit.sln -c Release")
    run_text([str(MAKE_TRACE), str(trace), str(faults)])
    info = json.loads(run_text([str(FAULTREC), "info", str(trace), "--format", "json"]))
    middle = info["row_groups"][-1]["max_time_ns"] // 2
    window = ["--from", f"{middle}ns", "--to", f"{middle + middle // 50}ns"]
    report = [str(FAULTREC), "report", str(trace)]
    query = [str(FAULTREC), "query", "--no-verify", "--top", "0", "--memory", "8GiB", str(trace)]
    return [
        Reading("report", report),
        Reading("report --format json", [*report, "--format", "json"]),
        Reading("report --by region", [*report, "--by", "region"]),
        Reading("report --by resident", [*report, "--by", "resident"]),
        Reading("report --by growth", [*report, "--by", "growth"]),
        Reading("DuckDB: the same by region, exact quantiles and distinct pages", [*query, REGIONS_SQL]),
        Reading("DuckDB: only faults, major and time by region", [*query, COUNTS_SQL]),
        Reading("report of 1 % of the time", [*report, *window]),
    ]


def recorded(folder: Path, faults: int) -> list[Reading]:
    """The same faults as perf and faultrec recorded them, both around one run of one program."""
    data, trace = folder / "perf.data", folder / "recorded.parquet"
    rounds = faults // LOOP_PAGES
    run_text([str(FAULTREC), "record", "--no-stacks", "--force", "-o", str(trace), "--",
              *PERF_EVENTS, "-B", "-N", "-o", str(data), "--", str(LOOP), str(LOOP_PAGES), str(rounds), "0"])
    summary = "awk '{n[$1]++} END {for (comm in n) print comm, n[comm]}'"
    return [
        Reading("recorded: report", [str(FAULTREC), "report", str(trace)]),
        Reading("recorded: report --by comm", [str(FAULTREC), "report", str(trace), "--by", "comm"]),
        Reading("recorded: report --by release", [str(FAULTREC), "report", str(trace), "--by", "release"]),
        Reading("recorded: report --by churn", [str(FAULTREC), "report", str(trace), "--by", "churn"]),
        Reading("recorded: perf script", ["perf", "script", "-i", str(data)]),
        Reading("recorded: query (faults by comm)", [str(FAULTREC), "query", str(trace), "SELECT comm, count(*) FROM faults GROUP BY comm"]),
        Reading("recorded: perf script -F comm | awk (faults by comm)", f"perf script -i {data} -F comm | {summary}"),
    ]


def show(faults: int, readings: list[Reading]) -> None:
    for reading in readings:
        peak = f"{reading.peak_mb:8.0f}" if reading.peak_mb else f"{'-':>8}"
        print(f"{reading.name:62}{reading.seconds:9.2f} s{faults / reading.seconds / 1e6:8.2f} M/s{peak} MB")


def main() -> None:
    parser = parser_of(__doc__, rounds=3)
    parser.add_argument("--faults", default="10e6", help="how many, with commas between several sizes (default 10e6)")
    parser.add_argument("--no-perf", action="store_true", help="leave the recording for perf script out")
    options = parser.parse_args()
    build_loop()
    build_faultrec()
    with work_folder() as folder:
        for faults in [int(float(size)) for size in options.faults.split(",")]:
            readings = synthetic(folder / "synthetic.parquet", faults)
            if faults <= 10_000_000 and not options.no_perf:
                if os.geteuid() != 0 or not shutil.which("perf"):
                    fail("recording for perf script needs root and perf; leave it out with --no-perf")
                readings += recorded(folder, faults)
            interleaved(options.rounds, {reading.name: reading for reading in readings}, measure, f"{faults:,} faults")
            print(f"{faults:,} faults, minimum of {options.rounds} interleaved rounds")
            show(faults, readings)
            print(flush=True)


if __name__ == "__main__":
    main()
