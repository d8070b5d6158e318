#!/usr/bin/env python3
"""How close a replay comes to what it replays: its fault rate beside a plain C loop's on as many pages, its pace beside the
recorded one, and its memory with ten million faults.

usage: bench/replay.py [--rounds N] [--pages N] [--seconds N]      as root, for recording; the replays themselves need none
"""

import json
import statistics
import subprocess
import threading
import time
from pathlib import Path

from common import FAULTREC, LOOP, ROOT, build_faultrec, build_fixtures, build_loop, need_root, parser_of, run_text, work_folder
from read import peak_of


def record(trace: Path, *command: str) -> None:
    run_text([str(FAULTREC), "record", "--no-stacks", "--force", "-o", str(trace), "--", *command])


def replay(trace: Path, *options: str) -> dict:
    return json.loads(run_text([str(FAULTREC), "replay", str(trace), "--format", "json", *options]))


def rate(folder: Path, pages: int, rounds: int) -> None:
    """The loop times its touches; the replay's time is from its first touch to the end of its last."""
    trace = folder / "loop.parquet"
    record(trace, str(LOOP), str(pages), "1")
    largest = max(replay(trace)["regions"], key=lambda region: region["recorded"])["id"]
    loop, again, own = [], [], []
    for _ in range(rounds):
        loop.append(json.loads(run_text([str(LOOP), str(pages), "1"]))["min_ns"])
        result = replay(trace, "--region", str(largest))
        assert result["totals"]["replayed"] >= pages, result["totals"]
        again.append(1e9 / result["faults_per_second"])
        own.append((result["elapsed_ns"] - result["totals"]["replayed_ns"]["sum"]) / result["totals"]["replayed"])
    print(f"{pages:,} first touches, {rounds} interleaved rounds     ns/fault  median")
    print(f"  plain C loop                                    {min(loop):8.0f} {statistics.median(loop):8.0f}")
    print(f"  replay --speed max                              {min(again):8.0f} {statistics.median(again):8.0f}")
    print(f"    of these outside of the touches               {min(own):8.0f} {statistics.median(own):8.0f}")
    print(f"  replay's fault rate is {min(loop) / min(again):.3f} of the loop's (minima), {statistics.median(loop) / statistics.median(again):.3f} (medians)")


def pace(folder: Path, rounds: int) -> None:
    trace = folder / "random.parquet"
    record(trace, str(ROOT / "fixtures/bin/rand_touch"), "50000")
    recorded = replay(trace)
    rate_of = recorded["totals"]["recorded"] * 1e9 / recorded["recorded_span_ns"]
    for speed in (1.0, 100_000 / rate_of):
        results = sorted((replay(trace, "--speed", f"{speed:.4f}") for _ in range(rounds)), key=lambda result: result["gap_error"])
        for words, result in (("best", results[0]), ("middle", results[rounds // 2])):
            print(f"--speed {speed:.2f} ({rate_of * speed:,.0f} faults/s), {words} of {rounds}: times between faults {100 * result['gap_error']:.2f} % off at the median, "
                  f"{result['late_p50_ns']:,} ns late at the median, {result['late_p99_ns']:,} at p99")


def watch_peak(pid: int, peak_mb: list[float], stop: threading.Event) -> None:
    while not stop.wait(0.05):
        peak_mb[0] = max(peak_mb[0], peak_of(pid))


def many(folder: Path, seconds: int) -> None:
    trace = folder / "many.parquet"
    record(trace, str(ROOT / "fixtures/bin/seq_touch"), "256", str(seconds))
    peak_mb, stop = [0.0], threading.Event()
    begun = time.monotonic()
    process = subprocess.Popen([str(FAULTREC), "replay", str(trace), "--format", "json"], stdout=subprocess.PIPE, text=True)
    watch = threading.Thread(target=watch_peak, args=(process.pid, peak_mb, stop))
    watch.start()
    result = json.loads(process.communicate()[0])
    stop.set()
    watch.join()
    print(f"{result['totals']['recorded']:,} faults: replayed {result['totals']['replayed']:,} in {time.monotonic() - begun:.1f} s, "
          f"fidelity {100 * result['fidelity']:.3f} %, the tool's peak {peak_mb[0]:.0f} MiB")


def main() -> None:
    parser = parser_of(__doc__, rounds=5)
    parser.add_argument("--pages", type=int, default=262144)
    parser.add_argument("--seconds", type=int, default=20, help="of touching for the long recording; 20 are about ten million faults")
    options = parser.parse_args()
    need_root()
    build_loop()
    build_fixtures()
    build_faultrec()
    with work_folder() as folder:
        rate(folder, options.pages, options.rounds)
        pace(folder, options.rounds)
        many(folder, options.seconds)


if __name__ == "__main__":
    main()
