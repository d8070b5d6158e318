#!/usr/bin/env python3
"""What the names of a recording's code take at its end: seconds for whole commands that do little themselves.

usage: bench/names.py [--rounds N]      as root

Without stacks nothing has to be named. With --no-cache libdw is asked as in a first recording; the recordings after that find what those
before them kept in /var/cache/faultrec.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path

from common import FAULTREC, build_faultrec, fail, interleaved, need_root, parser_of, print_table, work_folder

COMMANDS = ["true", "node -e 1", "npm --version", "python3 -c pass", "gcc -O2 -c empty.c", "rustc --version"]
WAYS = {"--no-stacks": ["--no-stacks"], "first": ["--stacks", "--no-cache"], "second": ["--stacks"]}


def measure(options: list[str], command: list[str], folder: Path) -> float:
    begun = time.monotonic()
    done = subprocess.run([str(FAULTREC), "record", *options, "--force", "-o", str(folder / "names.parquet"), "--", *command], cwd=folder,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    lasted_s = time.monotonic() - begun
    if done.returncode != 0:
        fail(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return lasted_s


def main() -> None:
    rounds = parser_of(__doc__, rounds=3).parse_args().rounds
    need_root()
    build_faultrec()
    rows = []
    with work_folder() as folder:
        (folder / "empty.c").write_text("int main(void) { return 0; }\n")
        for line in COMMANDS:
            command = line.split()
            if not shutil.which(command[0]):
                print(f"{command[0]} is not here, left out")
                continue
            measure(WAYS["second"], command, folder)  # what the second finds
            figures = interleaved(rounds, WAYS, lambda options: measure(options, command, folder), line)
            rows.append([line, *(f"{min(figures[way]):.2f}" for way in WAYS)])
    print(f"seconds for `record`, minimum of {rounds} interleaved rounds, Linux {os.uname().release}\n")
    print_table(["command", *WAYS], rows)


if __name__ == "__main__":
    main()
