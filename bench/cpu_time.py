"""CPU nanoseconds per fault of a program that does not time itself, with its children, by getrusage(2); for bench/stacks.py.

usage: cpu_time.py FOLDER COMMAND ARGS...      FOLDER: where it runs
"""

import json
import os
import subprocess
import sys

process = subprocess.Popen(sys.argv[2:], cwd=sys.argv[1], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
process.returncode = os.waitstatus_to_exitcode(status)
if process.returncode != 0:
    sys.exit(f"cpu_time.py: {sys.argv[2]} ended with {process.returncode}")
faults = usage.ru_minflt + usage.ru_majflt
cpu_ns = (usage.ru_utime + usage.ru_stime) * 1e9 / faults
print(json.dumps({"faults": faults, "min_ns": cpu_ns, "median_ns": cpu_ns}))
