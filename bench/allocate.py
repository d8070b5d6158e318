"""Nanoseconds per fault of bytearray(64 MiB), timed by the program itself; for bench/stacks.py.

usage: allocate.py [ROUNDS]
"""

import json
import sys
import time

PAGES = 16384

costs = []
for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 16):
    begun = time.perf_counter_ns()
    held = bytearray(PAGES * 4096)
    costs.append((time.perf_counter_ns() - begun) / PAGES)
    del held
costs.sort()
print(json.dumps({"faults": PAGES * len(costs), "min_ns": costs[0], "median_ns": costs[len(costs) // 2]}))
