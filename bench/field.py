#!/usr/bin/env python3
"""Real programs and servers, recorded beside perf: are the rows, frames and receipts right, and how whole are the stacks?

usage: bench/field.py [--only NAME,NAME] [--json FILE]      as root, after bench/field-install.sh

A program is recorded twice: as `faultrec record -- perf record -- perf stat -- time PROGRAM`, where perf stat is the oracle of the
number of rows, perf record that of pages and frames, and time(1) tells the rusage of the program with what it waited for; and alone,
where its stacks are looked at. A server runs under load and is attached to by pid, name and cgroup; the oracle is what /proc/PID/stat
says of its processes before and after. A program that is not installed is named and left out.
Prints Markdown (docs/field.md). Exit status 1: a recording said complete and an oracle disagreed.
"""

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

from common import FAULTREC, ROOT, fail, parser_of, perf_lost, print_table

PAGE_SHIFT = 12
PERF_NAMES = ("perf", "perf-exec")  # perf's own process is one of the recording's targets, and its child until it executes the program
ATTACH_S = 8  # from a recorder's start until it has attached, with room for the unwind tables of what runs already

# Functions that nothing calls: where a stack that is whole ends. The C library's, Go's, and the kernel's in an execve, when the
# program that called it is gone and the new one has not begun. A program's own entry is known by its ELF header where it has no symbols.
ROOTS = re.compile(r"^(_start|_dl_start_user|__?clone3?|runtime\.(goexit|rt0_go|mstart|mcall|morestack)|_?rt0_amd64(_linux)?)(\.abi0)?$")
ENTRY_BYTES = 96  # a program's entry is that long at most

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
    prepare: str = ""  # sh, before each recording
    blind: str = ""  # why perf does not see all of it
    unwaited: str = ""  # what it starts and does not wait for: its rusage is without that


PROGRAMS = [
    Program("python3", ["/usr/bin/python3", "-c", "x = [bytearray(4096) for _ in range(20000)]"]),
    Program("python3 threads", ["/usr/bin/python3", "-c",
            "import threading\nts = [threading.Thread(target=lambda: bytearray(8 << 20)) for _ in range(8)]\n[t.start() for t in ts]\n[t.join() for t in ts]"]),
    Program("python3 fork", ["/usr/bin/python3", "-c",
            "import multiprocessing as m\ndef f(n): return len(bytearray(n))\nwith m.get_context('fork').Pool(3) as p: p.map(f, [1 << 20] * 30)"]),
    Program("node", ["node", "-e", "let a = []; for (let i = 0; i < 2e5; i++) a.push({i, s: 'x' + i}); console.log(a.length)"]),
    Program("npm --version", ["npm", "--version"]),
    Program("npm install", ["npm", "install", "--no-audit", "--no-fund", "--offline", "./field-package"], "rm -rf node_modules package-lock.json"),
    Program("java", ["java", "-cp", ".", "Field"], "javac Field.java"),
    Program("javac", ["javac", "-d", "out", "Field.java"]),
    Program("java -XX:+PreserveFramePointer", ["java", "-XX:+PreserveFramePointer", "-cp", ".", "Field"], "javac Field.java"),
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
    Program("erlang", ["erl", "-noshell", "-eval", "lists:sum(lists:seq(1, 100000)), halt()."], unwaited="erl_child_setup"),
    Program("sqlite3", ["sqlite3", ":memory:",
            "create table t(a, b); with recursive c(x) as (select 1 union all select x + 1 from c where x < 100000) insert into t select x, x * x from c; create index i on t(b); select count(*) from t"]),
    Program("git", ["git", "-c", "safe.directory=*", "--no-pager", "-C", str(ROOT), "log", "--stat", "-20"]),
    Program("tar to xz", ["sh", "-c", "tar -C /usr/include -c linux | xz -1 -T2 > linux.tar.xz"]),
    Program("300 short programs", ["sh", "-c", "i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i+1)); done"]),
    Program("configure", ["./configure", "-q"], "autoreconf -fi"),
    Program("make -j2", ["make", "-j2", "-f", "field.mk"], "rm -f *.o"),
    Program("cmake", ["cmake", "-S", ".", "-B", "cmake-build"], "rm -rf cmake-build"),
    Program("gdb", ["gdb", "-batch", "-ex", "info functions main", "./field"], "gcc -g -O1 -o field field.c"),
    Program("busybox", ["busybox", "sh", "-c", "for i in $(busybox seq 50); do busybox md5sum field.c; done"]),
    Program("ffmpeg", ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=640x360:duration=1", "-y", "field.mp4"]),
    Program("ripgrep", ["rg", "-c", "fault", str(ROOT / "docs")]),
    Program("dotnet", ["dotnet", "--info"]),
    Program("set-uid", ["./field-suid"], "gcc -O1 -o field-suid field.c && chown nobody field-suid && chmod 4755 field-suid",
            blind="the kernel takes perf's events from a task that executes a set-user-ID program"),
    Program("io_uring", ["fio", "--name=f", "--ioengine=io_uring", "--rw=randread", "--size=8M", "--bs=4k", "--filename=fio.dat", "--thread", "--minimal"]),
    Program("O_DIRECT", ["fio", "--name=f", "--ioengine=psync", "--direct=1", "--rw=read", "--size=8M", "--bs=64k", "--filename=fio.dat", "--minimal"]),
]

FILES = {
    "field.c": C_PROGRAM, "field.cc": CPP_PROGRAM, "field.go": GO_PROGRAM, "field.rs": RUST_PROGRAM, "Field.java": JAVA_PROGRAM,
    "field.mk": ".PHONY: all\nall: a.o b.o c.o d.o\n%.o:\n\tgcc -O2 -c -o $@ field.c\n",
    "configure.ac": "AC_INIT([field], [1])\nAC_PROG_CC\n"
                    + "".join(f"AC_CHECK_HEADERS([{name}.h])\n" for name in "errno fcntl float limits locale netdb paths poll pthread pwd sched setjmp signal stdarg syslog termios time".split())
                    + "".join(f"AC_CHECK_FUNCS([{name}])\n" for name in "alarm bzero dup2 fork getcwd gettimeofday memmove memset mkdir munmap pipe2 rename select setenv socket strchr strdup strtol".split())
                    + "AC_C_INLINE\nAC_TYPE_SIZE_T\nAC_CONFIG_HEADERS([config.h])\nAC_OUTPUT\n",
    "package.json": '{"name": "field", "version": "1.0.0", "private": true}\n',
    "field-package/package.json": '{"name": "field-package", "version": "1.0.0", "scripts": {"install": "node -e 1"}}\n',
    "CMakeLists.txt": "cmake_minimum_required(VERSION 3.10)\nproject(field C)\nadd_executable(f field.c)\n",
}


def run(command: list[str], **options) -> subprocess.CompletedProcess:
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", **options)


def rows_of(trace: Path, sql: str) -> list[dict]:
    done = run([str(FAULTREC), "query", str(trace), sql, "--format", "csv"])
    if done.returncode != 0:
        fail(f"query failed ({done.returncode}): {done.stderr.strip()}")
    return list(csv.DictReader(io.StringIO(done.stdout)))


def perf_samples(data: Path) -> tuple[Counter, int]:
    """(thread, page, frame) as perf saw them, and the samples it says it lost. Frame 0: perf could not read it."""
    text = run(["perf", "script", "-i", str(data), "-F", "comm,tid,addr,phys_addr"]).stdout
    frames: Counter = Counter()
    for line in text.splitlines():
        comm, tid, address, physical = line.rsplit(None, 3)
        if comm.strip() not in PERF_NAMES:
            frames[int(tid), int(address, 16) >> PAGE_SHIFT, int(physical, 16) >> PAGE_SHIFT] += 1
    return frames, perf_lost(data)


def perf_stat(counted: Path) -> int:
    return sum(int(line.split(",")[0]) for line in counted.read_text().splitlines() if "-faults" in line)


def pages_of(frames: Counter) -> Counter:
    pages: Counter = Counter()
    for (tid, page, _), count in frames.items():
        pages[tid, page] += count
    return pages


def share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def entry_of(module: str | None) -> int:
    """e_entry of an ELF file's header; 0: it is no such file."""
    try:
        start = Path(module or "").read_bytes()[:32]
    except OSError:
        return 0
    return int.from_bytes(start[24:32], "little") if start[:4] == b"\x7fELF" else 0


def begins(stack: list[dict], entries: dict) -> bool:
    """Does it begin where nobody calls?"""
    root = stack[0]
    if root["kind"] == "kernel":
        return any("execve" in (frame["function"] or "") for frame in stack)
    if root["function"]:
        return bool(ROOTS.match(root["function"]))
    if root["module"] not in entries:
        entries[root["module"]] = entry_of(root["module"])
    entry = entries[root["module"]]
    return entry != 0 and entry <= int(root["address"] or "0", 16) < entry + ENTRY_BYTES


def stacks_of(trace: Path) -> dict:
    """Shares of all faults: stacks that begin where nobody calls, and stacks that the trace calls whole."""
    report = json.loads(run([str(FAULTREC), "report", str(trace), "--format", "json", "--by", "stack", "--top", "0"]).stdout)
    frames, entries, total = report["stack_frames"], {}, report["totals"]["faults"]
    real = sum(stack["faults"] for stack in report["stacks"] if begins([frames[i] for i in stack["frames"]], entries))
    return {"real roots": share(real, total), "whole": share(report["stack_recording"]["complete"], total)}


def info_of(trace: Path) -> dict:
    return json.loads(run([str(FAULTREC), "info", str(trace), "--format", "json"]).stdout)


def record_beside(program: Program, folder: Path) -> dict:
    trace, data, counted, usage = folder / "field.parquet", folder / "perf.data", folder / "counted", folder / "usage"
    prepare(program, folder, trace, data, counted, usage)
    done = run([str(FAULTREC), "record", "--force", "-o", str(trace), "--",
                "perf", "record", "-q", "-B", "-N", "-m", "4096", "-e", "minor-faults,major-faults", "-c", "1", "-d", "--phys-data", "-o", str(data), "--",
                "perf", "stat", "-x", ",", "-o", str(counted), "-e", "minor-faults,major-faults", "--",
                "/usr/bin/time", "-q", "-o", str(usage), "-f", "%R %F", *program.command], cwd=folder)
    if not trace.exists():
        fail(f"{program.name}: no trace: {done.stderr.strip()[-200:]}")
    samples, lost = perf_samples(data)
    mine = f"comm NOT IN {PERF_NAMES} AND coalesce(signal, 0) = 0"
    rows: Counter = Counter()
    for row in rows_of(trace, f"SELECT tid, address >> {PAGE_SHIFT} AS page, pfn, count(*) AS n FROM faults WHERE {mine} GROUP BY ALL"):
        rows[int(row["tid"]), int(row["page"]), int(row["pfn"] or 0)] += int(row["n"])
    known = Counter({key: count for key, count in samples.items() if key[2]})
    of_program = rows_of(trace, f"SELECT count(*) AS n FROM faults WHERE {mine} AND pid <> (SELECT arg_min(pid, time_ns) FROM faults WHERE comm = 'time')")
    receipt = info_of(trace)["receipt"]
    return {
        "rows": rows.total(), "perf stat": perf_stat(counted), "perf lost": lost,
        "other pages": (pages_of(samples) - pages_of(rows)).total() + (pages_of(rows) - pages_of(samples)).total(),
        "same frame": share((known & rows).total(), known.total()),
        "rows below time": int(of_program[0]["n"]), "rusage": sum(map(int, usage.read_text().split()[-2:])),
        "without row": receipt["kernel_exec"] + receipt["in_calls"] + receipt["missed"],
        "complete": receipt["complete"], "status": receipt["exit_status"], "words": receipt["words"],
    }


def try_program(program: Program, folder: Path, wrappers: int) -> dict:
    """`wrappers`: what is without a row of perf, perf stat and time themselves."""
    if not shutil.which(program.command[0], path=f"{os.environ['PATH']}:{folder}") and not (folder / program.command[0]).exists() and not program.prepare:
        return {"program": program.name, "receipt": "not installed"}
    result = {"program": program.name, **record_beside(program, folder)}
    result["without row"] -= wrappers
    disagree = []
    if result["rows"] != result["perf stat"] and not program.blind:
        disagree.append("perf stat")
    if result["other pages"] > result["perf lost"] and not program.blind:
        disagree.append("perf record")
    if result["rusage"] != result["rows below time"] + result["without row"] and not program.unwaited:
        disagree.append("rusage")
    alone = folder / "alone.parquet"
    prepare(program, folder, alone)
    run([str(FAULTREC), "record", "--force", "-o", str(alone), "--", *program.command], cwd=folder)
    return {**result, **stacks_of(alone), **verdict(result, disagree)}


def prepare(program: Program, folder: Path, *old: Path) -> None:
    for file in old:
        file.unlink(missing_ok=True)
    prepared = run(["sh", "-c", program.prepare], cwd=folder)
    if prepared.returncode != 0:
        fail(f"{program.name}: not prepared: {prepared.stderr.strip()[-200:]}")


def verdict(result: dict, disagree: list[str]) -> dict:
    words = "complete" if result["complete"] else "INCOMPLETE"
    return {"receipt": words, "disagree": disagree} if not disagree else {"receipt": f"{words}; not so: {', '.join(disagree)}", "disagree": disagree}


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
        load = ["redis-benchmark", "-p", "7391", "-n", "60000", "-r", "100000", "-d", "512", "-t", "set,lpush", "-q"]
        yield "redis-server", server.pid, load, load
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
        # The hang-up makes it fork new workers; the old ones end and are waited for, which only who sees all of them can count.
        yield "nginx", max(pids_named("nginx")), ["sh", "-c", load], ["sh", "-c", f"{load}; kill -HUP {server.pid}; sleep 1; {load}"]
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
        load = [*bench, "-c", "4", "-T", "3", "postgres"]
        yield "postgres", server.pid, load, load
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


def record_server(name: str, pids, target: list[str], load: list[str], folder: Path) -> dict:
    """The server is quiet before and after its load, so that both oracle and recording begin and end with nothing under way."""
    trace = folder / "server.parquet"
    trace.unlink(missing_ok=True)
    recorder = subprocess.Popen([str(FAULTREC), "record", "--force", "-o", str(trace), *target], stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(ATTACH_S)
        before, begin_ns = faults_of(pids()), time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        loaded = run(load)
        time.sleep(1)
        after, end_ns = faults_of(pids()), time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    finally:
        recorder.send_signal(signal.SIGINT)
        _, words = recorder.communicate(timeout=120)
    if loaded.returncode != 0 or not trace.exists():
        fail(f"{name} {target[0]}: {loaded.stderr.strip()[-200:]} {words.strip()[-200:]}")
    info = info_of(trace)
    receipt = info["receipt"]
    window = f"coalesce(signal, 0) = 0 AND time_ns + coalesce(duration_ns, 0) + {info['clock_start_ns']} BETWEEN {begin_ns} AND {end_ns}"
    result = {
        "program": f"{name} {target[0]}", "rows": int(rows_of(trace, f"SELECT count(*) AS n FROM faults WHERE {window}")[0]["n"]),
        "/proc/PID/stat": after - before, "without row": receipt["kernel_exec"] + receipt["in_calls"] + receipt["missed"],
        "complete": receipt["complete"], "words": receipt["words"], **stacks_of(trace),
    }
    return {**result, **verdict(result, ["/proc/PID/stat"] if result["rows"] + result["without row"] != result["/proc/PID/stat"] else [])}


def try_server(server, folder: Path) -> list[dict]:
    with server(folder) as (name, pid, load_of_pid, load):
        # By pid: that process, and what it forks while it is recorded.
        results = [record_server(name, lambda: [pid], ["--pid", str(pid)], load_of_pid, folder),
                   record_server(name, lambda: pids_named(name), ["--comm", name, "--stacks"], load, folder)]
        with cgroup_of(pids_named(name)) as group:
            results.append(record_server(name, lambda: pids_named(name), ["--cgroup", str(group), "--stacks"], load, folder))
        return results


def show(results: list[dict], columns: list[str]) -> None:
    print_table(columns, [[f"{value:,}" if isinstance(value := result.get(column, ""), int) else value for column in columns] for result in results])
    print()


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--only", help="names of programs and servers, with commas")
    parser.add_argument("--json", type=Path, help="write all results there, too")
    options = parser.parse_args()
    chosen = options.only.split(",") if options.only else None
    servers = {"redis": redis, "nginx": nginx, "postgres": postgres}
    with tempfile.TemporaryDirectory(prefix="faultrec-field-") as name:
        folder = Path(name)
        for file, text in FILES.items():
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text(text)
        nothing = record_beside(Program("true", ["true"]), folder)
        wrappers = nothing["without row"] - (nothing["rusage"] - nothing["rows below time"])
        programs = []
        for program in PROGRAMS:
            if chosen is None or program.name in chosen:
                print(f"field.py: {program.name}", file=sys.stderr)
                programs.append(try_program(program, folder, wrappers))
        attached = []
        for server, start in servers.items():
            if chosen is None or server in chosen:
                print(f"field.py: {server}", file=sys.stderr)
                attached += try_server(start, folder)
    show(programs, ["program", "rows", "perf stat", "perf lost", "other pages", "same frame", "rows below time", "without row", "rusage", "real roots", "whole", "receipt"])
    show(attached, ["program", "rows", "without row", "/proc/PID/stat", "real roots", "whole", "receipt"])
    for result in [*programs, *attached]:
        if result.get("status"):
            print(f"{result['program']}: ended with status {result['status']}", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps(programs + attached, indent=1))
    if any(result["disagree"] and result["complete"] for result in [*programs, *attached] if "complete" in result):
        fail("a recording said complete and an oracle disagreed")


if __name__ == "__main__":
    main()
