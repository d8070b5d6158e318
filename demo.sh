#!/usr/bin/env bash
# From a fresh checkout to an answer: installs what is missing, builds, records fixtures/alloc.py, prints its report.
#   usage: ./demo.sh [TRACE]       the trace is kept there; trace.parquet here by default
set -euo pipefail
trace=$(realpath -m "${1:-trace.parquet}")
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf '\n%s\n' "$*" >&2; }

say "1. Packages that the build needs"
scripts/install-deps.sh

say "2. Building (about a minute the first time)"
FAULTREC_BUILD_ONLY=1 ./faultrec

as_root=()
if ((EUID != 0)); then
    if ! command -v sudo >/dev/null; then
        echo "demo.sh: recording needs the kernel's probes: run this as root, or install sudo" >&2
        exit 4
    fi
    as_root=(sudo)
fi
say "3. Recording every page fault of: python3 fixtures/alloc.py"
"${as_root[@]}" ./faultrec record -o "$trace" --force -- python3 fixtures/alloc.py

say "4. The report of $trace: no root, and it could be another machine"
./faultrec report "$trace"
