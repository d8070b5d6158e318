#!/usr/bin/env python3
"""Real programs, recorded beside perf in the same run: are the rows, frames and receipts right, and how whole are the stacks?

usage: bench/field.py [--only NAME,NAME] [--keep FOLDER]      as root, after bench/field-install.sh

A program runs as `faultrec record -- perf record -- time PROGRAM`. perf's samples of the same faults are the oracle of rows and
of frames, the rusage that time(1) reports that of the program with what it waited for. A server runs under load and is attached
to by pid, name and cgroup; the oracle is what /proc/PID/stat says of its processes before and after.
A program that is not installed is named and left out. Exit status 1: a recording said complete and an oracle disagreed.
"""

import argparse
import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FAULTREC = ROOT / "artifacts/faultrec/faultrec"
PAGE_SHIFT = 12
ATTACH_S = 8  # from a recorder's start until it has attached, with room for the unwind tables of what runs already

# Functions that nothing calls: where a stack that is whole ends. The C library's, Go's and Erlang's own threads.
ROOTS = re.compile(r"^(_start|_dl_start_user|__?clone3?|__GI___clone3?|thread_start|runtime\.(goexit|rt0_go|mstart|asmcgocall|_rt0_.*)|_rt0_amd64_linux)\b")

C_PROGRAM = r"""
#include <stdlib.h>
#include <string.h>
int main(void) { for (int i = 0; i < 200; i++) { char *p = malloc(1 << 20); memset(p, 1, 1 << 20); if (i % 2) free(p); } return 0; }
"""
CPP_PROGRAM = r"""
#include <map>
#include <regex>
#include <string>
int main() { std::map<int, std::string> m; for (int i = 0; i < 200000; i++) m[i * 7919 % 1000003] = std::to_string(i);
  return std::regex_match(m.begin()->second, std::regex("[a-z]+")); }
"""
GO_PROGRAM = r"""
package main
func main() { m := map[int][]byte{}; for i := 0; i < 20000; i++ { m[i] = make([]byte, 1024) }; done := make(chan int); go func() { done <- len(m) }(); <-done }
"""
RUST_PROGRAM = "fn main() { let v: Vec<Vec<u8>> = (0..2000).map(|i| vec![i as u8; 8192]).collect(); println!(\"{}\", v.len()); }\n"
JAVA_PROGRAM = """
import java.util.*;
public class Field { public static void main(String[] a) { List<byte[]> l = new ArrayList<>(); for (int i = 0; i < 400; i++) l.add(new byte[65536]); System.out.println(l.size()); } }
"""


@dataclass
class Program:
    name: str
    command: list[str]
    prepare: str = ""  # sh, before the recording


PROGRAMS = [
    Program("python3", ["/usr/bin/python3", "-c", "x = [bytearray(4096) for _ in range(20000)]"]),
    Program("python3 threads", ["/usr/bin/python3", "-c",
            "import threading\nts = [threading.Thread(target=lambda: bytearray(8 << 20)) for _ in range(8)]\n[t.start() for t in ts]\n[t.join() for t in ts]"]),
    Program("python3 fork", ["/usr/bin/python3", "-c",
            "import multiprocessing as m\ndef f(n): return len(bytearray(n))\nwith m.get_context('fork').Pool(3) as p: p.map(f, [1 << 20] * 30)"]),
    Program("node", ["node", "-e", "let a = []; for (let i = 0; i < 2e5; i++) a.push({i, s: 'x' + i}); console.log(a.length)"]),
    Program("npm", ["npm", "--version"]),
    Program("java", ["java", "-cp", ".", "Field"], "javac Field.java"),
    Program("javac", ["javac", "-d", "out", "Field.java"]),
    Program("gcc", ["gcc", "-O2", "-c", "-o", "field.o", "field.c"]),
    Program("g++", ["g++", "-O1", "-o", "field++", "field.cc"]),
    Program("C", ["./field"], "gcc -O1 -o field field.c"),
    Program("C static", ["./field-static"], "gcc -O1 -static -o field-static field.c"),
    Program("C++", ["./field++"], "g++ -O1 -o field++ field.cc"),
    Program("rustc", ["rustc", "-O", "field.rs"]),
    Program("Rust", ["./field-rs"], "rustc -O -o field-rs field.rs"),
    Program("go build", ["go", "build", "-o", "field-go", "field.go"]),
    Program("Go", ["./field-go"], "go build -o field-go field.go"),
    Program("perl", ["perl", "-e", "my %h; $h{$_} = \"x\" x 100 for 1..100000; print scalar(keys %h)"]),
    Program("ruby", ["ruby", "-e", "a = (1..200000).map { |i| \"x#{i}\" }; puts a.size"]),
    Program("php", ["php", "-r", "$a = []; for ($i = 0; $i < 200000; $i++) $a[] = \"x$i\"; echo count($a);"]),
    Program("lua", ["lua5.4", "-e", "local t = {} for i = 1, 200000 do t[i] = {i} end print(#t)"]),
    Program("ocaml", ["ocaml", "-version"]),
    Program("erlang", ["erl", "-noshell", "-eval", "lists:sum(lists:seq(1, 100000)), halt()."]),
    Program("sqlite3", ["sqlite3", ":memory:",
            "create table t(a, b); with recursive c(x) as (select 1 union all select x + 1 from c where x < 100000) insert into t select x, x * x from c; create index i on t(b); select count(*) from t"]),
    Program("git", ["git", "-C", str(ROOT), "log", "--stat", "-20", "--no-pager"]),
    Program("tar | xz", ["sh", "-c", f"tar -C {ROOT} -c docs src | xz -1 -T2 > docs.tar.xz"]),
    Program("300 short programs", ["sh", "-c", "i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i+1)); done"]),
    Program("make -j2", ["make", "-j2", "-f", "field.mk"]),
    Program("cmake", ["cmake", "-S", ".", "-B", "cmake-build"], "rm -rf cmake-build"),
    Program("gdb", ["gdb", "-batch", "-ex", "info functions main", "./field"], "gcc -g -O1 -o field field.c"),
    Program("busybox", ["busybox", "sh", "-c", "for i in $(busybox seq 50); do busybox md5sum field.c; done"]),
    Program("ffmpeg", ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=640x360:duration=1", "-y", "field.mp4"]),
    Program("ripgrep", ["rg", "-c", "fault", str(ROOT / "docs")]),
    Program("dotnet", ["dotnet", "--info"]),
    Program("set-uid", ["./field-suid"], "gcc -O1 -o field-suid field.c && chown nobody field-suid && chmod 4755 field-suid"),
    Program("io_uring", ["fio", "--name=f", "--ioengine=io_uring", "--rw=randread", "--size=8M", "--bs=4k", "--filename=fio.dat", "--thread", "--minimal"]),
    Program("O_DIRECT", ["fio", "--name=f", "--ioengine=psync", "--direct=1", "--rw=read", "--size=8M", "--bs=64k", "--filename=fio.dat", "--minimal"]),
]

FILES = {
    "field.c": C_PROGRAM, "field.cc": CPP_PROGRAM, "field.go": GO_PROGRAM, "field.rs": RUST_PROGRAM, "Field.java": JAVA_PROGRAM,
    "field.mk": "all: a.o b.o c.o d.o\n%.o:\n\tgcc -O2 -c -o $@ field.c\n",
    "CMakeLists.txt": "cmake_minimum_required(VERSION 3.10)\nproject(field C)\nadd_executable(f field.c)\n",
}


def run(command: list[str], **options) -> subprocess.CompletedProcess:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", **options)


def rows_of(trace: Path, sql: str) -> list[dict]:
    done = run([str(FAULTREC), "query", str(trace), sql, "--format", "csv"])
    if done.returncode != 0:
        sys.exit(f"field.py: query failed ({done.returncode}): {done.stderr.strip()}")
    return list(csv.DictReader(io.StringIO(done.stdout)))


def perf_samples(data: Path) -> tuple[Counter, int]:
    """(thread, page, frame) as perf saw them, and the samples it says it lost. Frame 0: perf could not read it."""
    text = run(["perf", "script", "-i", str(data), "-F", "tid,addr,phys_addr"]).stdout
    frames: Counter = Counter()
    for line in text.splitlines():
        tid, address, physical = line.split()
        frames[int(tid), int(address, 16) >> PAGE_SHIFT, int(physical, 16) >> PAGE_SHIFT] += 1
    stats = run(["perf", "report", "-i", str(data), "--stats"]).stdout
    return frames, sum(int(count) for count in re.findall(r"LOST_SAMPLES events: +(\d+)", stats))


def pages_of(frames: Counter) -> Counter:
    pages: Counter = Counter()
    for (tid, page, _), count in frames.items():
        pages[tid, page] += count
    return pages


def share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def stacks_of(trace: Path, where: str) -> tuple[str, str]:
    """Shares of the rows whose stack begins at a known root: of all, and of those the trace calls whole."""
    row = rows_of(trace, f"SELECT split_part(stack, ';', 1) AS root, count(*) AS faults FROM faults WHERE {where} GROUP BY 1")
    total = sum(int(r["faults"]) for r in row)
    rooted = sum(int(r["faults"]) for r in row if ROOTS.match(r["root"] or ""))
    recording = info_of(trace)["stack_recording"]
    if recording is None or recording["refusal"]:
        return "-", "-"
    return share(rooted, total), share(recording["complete"], recording["complete"] + recording["truncated"] + recording["lost"])


def info_of(trace: Path) -> dict:
    return json.loads(run([str(FAULTREC), "info", str(trace), "--format", "json"]).stdout)


def try_program(program: Program, folder: Path) -> dict:
    trace, data, usage = folder / "field.parquet", folder / "perf.data", folder / "usage"
    for old in (trace, data, usage):
        old.unlink(missing_ok=True)
    if program.prepare:
        prepared = run(["sh", "-c", program.prepare], cwd=folder)
        if prepared.returncode != 0:
            return {"name": program.name, "note": f"not prepared: {prepared.stderr.strip()[-100:]}"}
    if not shutil.which(program.command[0], path=f"{os.environ['PATH']}:{folder}") and not (folder / program.command[0]).exists():
        return {"name": program.name, "note": "not installed"}
    done = run([str(FAULTREC), "record", "--force", "-o", str(trace), "--",
                "perf", "record", "-q", "-B", "-N", "-m", "4096", "-e", "minor-faults,major-faults", "-c", "1", "-d", "--phys-data", "-o", str(data), "--",
                "/usr/bin/time", "-q", "-o", str(usage), "-f", "%R %F", *program.command], cwd=folder)
    if not trace.exists():
        return {"name": program.name, "note": f"no trace: {done.stderr.strip()[-200:]}"}
    samples, lost = perf_samples(data)
    # perf's events are enabled by the execve of time: until then its child is called perf or perf-exec.
    mine = "comm NOT IN ('perf', 'perf-exec') AND coalesce(signal, 0) = 0"
    rows: Counter = Counter()
    for row in rows_of(trace, f"SELECT tid, address >> {PAGE_SHIFT} AS page, pfn, count(*) AS n FROM faults WHERE {mine} GROUP BY ALL"):
        rows[int(row["tid"]), int(row["page"]), int(row["pfn"] or 0)] += int(row["n"])
    known = Counter({key: count for key, count in samples.items() if key[2]})
    minor, major = (int(x) for x in usage.read_text().split()[-2:])
    of_time = rows_of(trace, f"SELECT count(*) AS n FROM faults WHERE {mine} AND pid <> (SELECT arg_min(pid, time_ns) FROM faults WHERE comm = 'time')")
    info = info_of(trace)
    receipt = info["receipt"]
    rooted, complete = stacks_of(trace, mine)
    return {
        "name": program.name, "rows": rows.total(), "perf": samples.total(), "perf_lost": lost,
        "missing": (pages_of(samples) - pages_of(rows)).total(), "extra": (pages_of(rows) - pages_of(samples)).total(),
        "frames": share((known & rows).total(), known.total()),
        "below time": int(of_time[0]["n"]), "rusage": minor + major,
        "rooted": rooted, "whole": complete, "complete": receipt["complete"], "words": receipt["words"],
    }


# --- servers -----------------------------------------------------------------------------------------------------------


def faults_of(pids: list[int]) -> int:
    """minflt, cminflt, majflt, cmajflt of /proc/PID/stat (proc_pid_stat(5)): of live processes and the children they waited for."""
    total = 0
    for pid in pids:
        total += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[7:11]))
    return total


def pids_named(name: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text().strip() == name:
                found.append(int(folder.name))
        except OSError:
            pass
    return found


@contextmanager
def redis(folder: Path):
    server = subprocess.Popen(["redis-server", "--port", "7391", "--save", "", "--dir", str(folder), "--io-threads", "2"], stdout=subprocess.DEVNULL)
    try:
        time.sleep(1)
        yield "redis-server", ["redis-benchmark", "-p", "7391", "-n", "60000", "-r", "100000", "-d", "512", "-t", "set,lpush", "-q"]
    finally:
        server.terminate()
        server.wait()


@contextmanager
def nginx(folder: Path):
    (folder / "html").mkdir(exist_ok=True)
    (folder / "html/index.html").write_text("x" * 100000)
    config = folder / "nginx.conf"
    config.write_text(f"worker_processes 2; pid {folder}/nginx.pid; error_log {folder}/error.log; daemon off; events {{}}\n"
                      f"http {{ access_log off; client_body_temp_path {folder}/b; server {{ listen 127.0.0.1:7392; root {folder}/html; gzip on; gzip_types *; }} }}\n")
    server = subprocess.Popen(["nginx", "-c", str(config), "-p", str(folder)], stderr=subprocess.DEVNULL)
    try:
        time.sleep(1)
        load = "wrk -t1 -c20 -d2s -H 'Accept-Encoding: gzip' http://127.0.0.1:7392/index.html"
        # The hang-up makes it fork new workers; the old ones end and are waited for.
        yield "nginx", ["sh", "-c", f"{load}; kill -HUP {server.pid}; sleep 1; {load}"]
    finally:
        server.terminate()
        server.wait()


@contextmanager
def postgres(folder: Path):
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    data = folder / "pg"
    folder.chmod(0o755)
    data.mkdir(exist_ok=True)
    shutil.chown(data, "postgres")
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    if not (data / "PG_VERSION").exists():
        run([*as_user, str(binaries / "initdb"), "-D", str(data), "-A", "trust"], check=True)
    server = subprocess.Popen([*as_user, str(binaries / "postgres"), "-D", str(data), "-p", "7393", "-k", "/tmp", "-c", "listen_addresses="],
                              stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        time.sleep(3)
        bench = [str(binaries / "pgbench"), "-h", "/tmp", "-p", "7393", "-U", "postgres"]
        run([*bench, "-i", "-s", "2", "postgres"], check=True)
        time.sleep(1)  # the backends of that are gone
        yield "postgres", [*bench, "-c", "4", "-T", "3", "postgres"]
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


@contextmanager
def cgroup_of(pids: list[int]):
    unified = Path("/sys/fs/cgroup/unified") if Path("/sys/fs/cgroup/unified/cgroup.procs").exists() else Path("/sys/fs/cgroup")
    group = unified / f"faultrec-field-{os.getpid()}"
    group.mkdir()
    homes = {pid: next(line.split(":", 2)[2].strip() for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines() if line.startswith("0::")) for pid in pids}
    try:
        for pid in pids:
            (group / "cgroup.procs").write_text(str(pid))
        yield group
    finally:
        for pid in map(int, (group / "cgroup.procs").read_text().split()):
            home = homes.get(pid, "/").lstrip("/")
            (unified / home / "cgroup.procs").write_text(str(pid))
        group.rmdir()


def record_server(name: str, pids: list[int], target: list[str], load: list[str], folder: Path) -> dict:
    """The server is quiet before and after its load, so that both oracle and recording begin and end with nothing under way."""
    trace = folder / "server.parquet"
    trace.unlink(missing_ok=True)
    recorder = subprocess.Popen([str(FAULTREC), "record", "--force", "-o", str(trace), *target], stderr=subprocess.PIPE, text=True)
    time.sleep(ATTACH_S)
    before = faults_of(pids)
    run(load)
    time.sleep(1)
    after = faults_of(pids)
    recorder.send_signal(signal.SIGINT)
    _, words = recorder.communicate(timeout=120)
    if not trace.exists():
        return {"name": f"{name} {target[0]}", "note": words.strip()[-200:]}
    rows = int(rows_of(trace, "SELECT count(*) AS n FROM faults WHERE coalesce(signal, 0) = 0")[0]["n"])
    receipt = info_of(trace)["receipt"]
    rooted, whole = stacks_of(trace, "true")
    return {"name": f"{name} {target[0]}", "rows": rows, "stat": after - before, "rooted": rooted, "whole": whole,
            "complete": receipt["complete"], "words": receipt["words"]}


def try_server(server, folder: Path) -> list[dict]:
    with server(folder) as (name, load):
        pids = pids_named(name)
        # By pid: the first process, and what it forks while it is recorded.
        results = [record_server(name, [min(pids)], ["--pid", str(min(pids))], load, folder),
                   record_server(name, pids, ["--comm", name, "--stacks"], load, folder)]
        with cgroup_of(pids) as group:
            results.append(record_server(name, pids, ["--cgroup", str(group), "--stacks"], load, folder))
        return results


def show(results: list[dict], columns: list[str]) -> None:
    table = [columns, *([str(result.get(column, "")) for column in columns] for result in results)]
    widths = [max(len(row[i]) for row in table) for i in range(len(columns))]
    for row in table:
        print("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))).rstrip())
    for result in results:
        if "note" in result:
            print(f"  {result['name']}: {result['note']}")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="names of programs and servers, with commas")
    parser.add_argument("--json", type=Path, help="write all results there, too")
    options = parser.parse_args()
    chosen = options.only.split(",") if options.only else None
    servers = {"redis": redis, "nginx": nginx, "postgres": postgres}
    with tempfile.TemporaryDirectory(prefix="faultrec-field-") as name:
        folder = Path(name)
        for file, text in FILES.items():
            (folder / file).write_text(text)
        programs = []
        for program in PROGRAMS:
            if chosen is None or program.name in chosen:
                print(f"field.py: {program.name}", file=sys.stderr)
                programs.append(try_program(program, folder))
        attached = []
        for server, start in servers.items():
            if chosen is None or server in chosen:
                print(f"field.py: {server}", file=sys.stderr)
                attached += try_server(start, folder)
    show(programs, ["name", "rows", "perf", "perf_lost", "missing", "extra", "frames", "below time", "rusage", "rooted", "whole", "complete"])
    show(attached, ["name", "rows", "stat", "rooted", "whole", "complete"])
    for result in [*programs, *attached]:
        if "words" in result:
            print(f"{result['name']}: {result['words']}")
    if options.json:
        options.json.write_text(json.dumps(programs + attached, indent=1))


if __name__ == "__main__":
    main()
