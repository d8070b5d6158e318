#!/usr/bin/env python3
"""Bytes per fault of a trace, and what each column takes of them, beside perf.data of the same program and what zstd makes of it.

usage: bench/bytes.py      as root

fixtures/alloc.py writes to its pages in order, fixtures/rand_touch in random order; both have stacks. Beside what a column of numbers
takes stands what it would take as 8 bytes a value, as Parquet's BYTE_STREAM_SPLIT (all first bytes, then all second ones, …), and as
differences from the row before that are split so, each with zstd -1.
"""

import csv
import io
import os
import subprocess
from array import array
from dataclasses import dataclass
from pathlib import Path

from common import FAULTREC, PERF_EVENTS, PYTHON, ROOT, build_faultrec, build_fixtures, need_root, parser_of, perf_counts, print_table, run_text, work_folder

SHOWN = 8  # columns and keys
PERF = [*PERF_EVENTS, "-m", "2048", "--phys-data", "-g"]


@dataclass
class Sizes:
    faults: int
    trace: int
    columns: list[dict]
    keys: list[dict[str, str]]
    samples: int
    lost: int
    data: int
    zstd: dict[int, int]

    @property
    def column_bytes(self) -> int:
        return sum(int(column["bytes"]) for column in self.columns)


def query(trace: Path, sql: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(run_text([str(FAULTREC), "query", str(trace), sql, "--format", "csv"]))))


def zstd_bytes(data: bytes, level: int) -> int:
    return len(subprocess.run(["zstd", "-q", "-c", f"-{level}"], input=data, capture_output=True, check=True).stdout)


def otherwise(trace: Path, name: str) -> dict[str, int]:
    """Bytes of a column of numbers in other encodings."""
    rows = query(trace, f"SELECT coalesce({name}, 0) AS value FROM read_parquet('{trace}', file_row_number = true) ORDER BY file_row_number")
    values = [int(row["value"]) for row in rows]
    plain = array("q", values).tobytes()
    steps = array("q", [value - before for before, value in zip([0, *values], values)]).tobytes()
    return {"plain": zstd_bytes(plain, 1), "split": zstd_bytes(split(plain), 1), "steps": zstd_bytes(split(steps), 1)}


def split(values: bytes) -> bytes:
    return b"".join(values[place::8] for place in range(8))


def columns_of(trace: Path) -> list[dict]:
    """The largest first."""
    return query(trace, f"""SELECT path_in_schema AS name, first(type) AS type, first(encodings) AS encodings, first(compression) AS codec,
        sum(total_compressed_size) AS bytes FROM parquet_metadata('{trace}') GROUP BY path_in_schema ORDER BY bytes DESC""")


def programs() -> dict[str, list[str]]:
    return {"alloc.py": [PYTHON, str(ROOT / "fixtures/alloc.py")], "rand_touch": [str(build_fixtures() / "rand_touch"), "250000"]}


def record(program: list[str], trace: Path) -> None:
    run_text([str(FAULTREC), "record", "--stacks", "--force", "-o", str(trace), "--", *program])


def measure(program: list[str], folder: Path) -> Sizes:
    trace, data = folder / "bytes.parquet", folder / "perf.data"
    record(program, trace)
    run_text([*PERF, "-o", str(data), "--", *program])
    zstd = {level: zstd_bytes(data.read_bytes(), level) for level in (3, 19)}
    columns = columns_of(trace)
    for column in columns[:SHOWN]:
        column["otherwise"] = otherwise(trace, column["name"]) if column["type"].startswith("INT") else {}
    keys = query(trace, f"""SELECT decode(key) AS name, octet_length(value) AS bytes FROM parquet_kv_metadata('{trace}') ORDER BY bytes DESC""")
    samples, lost = perf_counts(data)
    faults = int(query(trace, "SELECT count(*) AS n FROM faults")[0]["n"])
    return Sizes(faults, trace.stat().st_size, columns, keys, samples, lost, data.stat().st_size, zstd)


def show_columns(name: str, sizes: Sizes) -> None:
    def per_fault(count: str | int | None) -> str:
        return "-" if count is None else f"{int(count) / sizes.faults:.3f}"
    print(f"\n{name}: {sizes.trace:,} B, of these {sizes.column_bytes:,} in columns and {sizes.trace - sizes.column_bytes:,} in the footer\n")
    print_table(["column", "encoding", "codec", "B/fault", "plain", "split", "differences"],
                [[column["name"], column["encodings"].replace(", RLE", ""), column["codec"], per_fault(column["bytes"]),
                  *(per_fault(column["otherwise"].get(way)) for way in ("plain", "split", "steps"))] for column in sizes.columns[:SHOWN]])
    print()
    print_table(["largest keys of the footer", "bytes"], [[key["name"], f"{int(key['bytes']):,}"] for key in sizes.keys[:SHOWN]])


def main() -> None:
    parser_of(__doc__).parse_args()
    need_root()
    build_faultrec()
    with work_folder() as folder:
        measured = {name: measure(program, folder) for name, program in programs().items()}
    print(f"bytes per fault, with stacks, Linux {os.uname().release}\n")
    print_table(["program", "faults", "trace", "columns", "perf.data", "its zstd -3", "its zstd -19", "perf lost"], [
        [name, f"{sizes.faults:,}", f"{sizes.trace / sizes.faults:.2f}", f"{sizes.column_bytes / sizes.faults:.2f}", f"{sizes.data / sizes.samples:.1f}",
         *(f"{packed / sizes.samples:.2f}" for packed in sizes.zstd.values()), f"{sizes.lost:,}"] for name, sizes in measured.items()])
    for name, sizes in measured.items():
        show_columns(name, sizes)


if __name__ == "__main__":
    main()
