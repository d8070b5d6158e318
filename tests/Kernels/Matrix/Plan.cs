namespace Faultrec.Kernels.Tests;

/// <summary>The matrix: kernels, rungs, workloads, and the steps that every guest runs for them.</summary>
internal static class Plan
{
    public const string Doctor = "doctor";
    public const string Auto = "auto";
    public const string ExitCode = "exit-code";
    public const string Signal = "signal";
    public const string Attached = "attached";
    public const string Functions = "functions";
    public const string Handlers = "handlers";
    public const string HandlersInKernel = "handlers-in-kernel";
    public const string Rootless = "rootless";
    public const string Forbidden = "forbidden";
    public const string LegacyKprobe = "legacy-kprobe";
    public const string Sleepers = "sleepers";
    public const string SleepersByName = "sleepers-by-name";
    public const string SleepersAtTheEnd = "sleepers-at-the-end";
    public const string Name = "name";
    public const string Cgroup = "cgroup";
    public const string All = "all";
    public const string Kinds = "kinds";
    public const string Costs = "costs";
    public const string Stacks = "stacks";
    public const string KernelStacks = "kernel-stacks";
    public const string Resident = "resident";
    public const string ResidentFolios = "resident-folios";
    public const string FirstTouch = "first-touch";
    public const string Shortage = "shortage";
    public const string Poisoned = "poisoned";
    public const string LeftBefore = "left-before";
    public const string LeftAfter = "left-after";

    /// <summary>Names that scripts/fetch-kernels.sh knows.</summary>
    public static string[] Kernels { get; } = ["6.1", "6.12"];

    /// <summary>The rungs that must attach on every kernel above, in the order in which `auto` tries them.</summary>
    public static Rung[] Rungs { get; } = [Rung.Fexit, Rung.Kprobe, Rung.Tracepoint, Rung.Perf];

    /// <summary>Those with probes on functions, which run from their attaching on.</summary>
    public static Rung[] OnFunctions { get; } = [Rung.Fexit, Rung.Kprobe];

    /// <summary>Ten attaches in two steps: a step has a limit, and guests may be slow.</summary>
    public static string[] AttachedAgain { get; } = [.. Enumerable.Range(1, 2).Select(part => $"attached-again/{part}")];

    /// <summary>The two ways in which a page table is walked; kprobe has that of fexit.</summary>
    public static Rung[] OfKinds { get; } = [Rung.Fexit, Rung.Tracepoint];

    /// <summary>Those whose probes walk stacks.</summary>
    public static Rung[] OfStacks { get; } = [Rung.Fexit, Rung.Kprobe, Rung.Tracepoint];

    public static TheoryData<string, string> KernelsAndRungsOfStacks { get; } = [.. from kernel in Kernels from rung in OfStacks select (kernel, rung.Name)];

    /// <summary>Kernel and rung, for tests of <see cref="OfKinds"/>.</summary>
    public static TheoryData<string, string> KernelsAndRungsOfKinds { get; } = [.. from kernel in Kernels from rung in OfKinds select (kernel, rung.Name)];

    public const int AttachesEach = 5;

    /// <summary>Touched by each of the fixture's two chains of calls.</summary>
    public const int StackPages = 50;

    /// <summary>Without stacks but where they are the question: tables and names take a guest longer than all the rest.</summary>
    public static IReadOnlyList<GuestStep> Steps { get; } =
    [
        new(LeftBefore, WhatIsLeft),
        new(Doctor, "faultrec doctor --format json"),
        new(Auto, "faultrec record --force -o t -- true >/dev/null && faultrec info --format json t"),
        .. Rungs.SelectMany(rung => (GuestStep[])[.. Workload.All.SelectMany(workload => Record(rung, workload)), .. Endings(rung)]),
        new(Functions, "faultrec doctor --format json handle_mm_fault handle_pte_fault exc_page_fault; [ $? = 4 ]"),
        new(HandlersInKernel,
            "awk '$2 ~ /[tT]/ && NF == 3 { print $3 }' /proc/kallsyms "
            + "| grep -xE 'handle_pte_fault|do_(anonymous|swap|wp|numa|huge_pmd_anonymous)_page|do_fault'; true"),
        .. OnFunctions.Select(rung => new GuestStep(
            Step(rung, Handlers),
            $"faultrec record --no-stacks --force --handlers --backend {rung} -o t -- fork_cow 256 >/dev/null && faultrec report --format json --top 0 t")),
        new(Forbidden, AsUser(3, "faultrec record -o t -- seq_touch 4")),
        new(Rootless, AsUser(2, "faultrec record -o t -- seq_touch 4 >/dev/null && faultrec info --format json t")),
        new(LegacyKprobe, """
            mount -t tmpfs none /sys/bus/event_source/devices/kprobe
            faultrec record --no-stacks --force --backend kprobe -o t -- sleep 100 &
            until [ -s t.spool ]; do sleep 0.1; done
            kill -9 $!
            wait $!
            rm -f t.spool
            grep -c libbpf /sys/kernel/tracing/kprobe_events
            faultrec record --no-stacks --force --backend kprobe -o t -- seq_touch 4 >/dev/null
            status=$?
            umount /sys/bus/event_source/devices/kprobe
            grep -c libbpf /sys/kernel/tracing/kprobe_events
            [ $status = 0 ] && faultrec info --format json t | tr -d '\n'
            """),
        new(Sleepers, "faultrec record --no-stacks --force --backend kprobe -o t -- sleep_in_faults && faultrec info --format json t | tr -d '\\n'"),
        new(SleepersByName, RecordSleepers("sleep_in_faults")),
        new(SleepersAtTheEnd, RecordSleepers("""
            mkfifo in out
            sleep_in_faults 40 1 1 <in >out &
            program=$!
            exec 3>in 4<out
            read -r asleep <&4
            """) + """
            echo >&3
            wait $program
            rm -f in out
            """),
        new(Name, Neighbours("--comm 'seq_*'", "")),
        new(Cgroup,
            "mkdir /sys/fs/cgroup/inner; " + Neighbours("--cgroup /sys/fs/cgroup/inner", "echo $$ >/sys/fs/cgroup/inner/cgroup.procs;")
            + "\nrmdir /sys/fs/cgroup/inner"),
        .. OnFunctions.Select(rung => new GuestStep(Step(rung, All), RecordAll(rung))),
        .. AttachedAgain.Select(step => new GuestStep(step, AttachAgain(Rung.Fexit))),
        .. OfKinds.Select(rung => new GuestStep(Step(rung, Kinds), KindsStep.Script(rung))),
        .. OfKinds.Select(rung => new GuestStep(
            Step(rung, Costs),
            $"faultrec record --no-stacks --force --why --slab --backend {rung} -o t -- fork_cow 256 >/dev/null "
            + "&& faultrec report --format json --top 0 t")),
        .. OfStacks.Select(rung => new GuestStep(
            Step(rung, Stacks),
            $"faultrec record --force --stacks --backend {rung} -o t -- callchain {StackPages} >/dev/null && faultrec report --format json --top 0 t")),
        .. OnFunctions.Select(rung => new GuestStep(
            Step(rung, KernelStacks),
            $"faultrec record --force --backend {rung} -o t -- populate {StackPages} >/dev/null && faultrec report --format json --top 0 t")),
        .. OfStacks.Select(rung => new GuestStep(Step(rung, Resident), ResidentStep.Script(rung))),
        .. OfKinds.Select(rung => new GuestStep(Step(rung, ResidentFolios), ResidentStep.ScriptOfLargeFolios(rung))),
        new(FirstTouch, BalancedBetweenNodes),
        new(Shortage, KilledInASmallCgroup),
        new(Poisoned, "faultrec record --force -o t -- deaths poisoned >/dev/null; COLUMNS=160 faultrec report t"),
        new(LeftAfter, WhatIsLeft),
    ];

    // A scan ten times as soon as usual: a guest is slow.
    private const string BalancedBetweenNodes = """
        cd /sys/kernel/debug/sched/numa_balancing
        echo 100 >scan_delay_ms
        echo 100 >scan_period_min_ms
        cd - >/dev/null
        echo 1 >/proc/sys/kernel/numa_balancing
        faultrec record --force --no-stacks -o t -- first_touch 32 1 30000 >/dev/null && COLUMNS=80 faultrec report t
        status=$?
        echo 0 >/proc/sys/kernel/numa_balancing
        exit $status
        """;

    // What faultrec tells of it, and what the kernel does; but not to the console, which is to have no complaints.
    private const string KilledInASmallCgroup = """
        printk=$(cat /proc/sys/kernel/printk)
        echo 1 >/proc/sys/kernel/printk
        small=/sys/fs/cgroup/small
        echo +memory >/sys/fs/cgroup/cgroup.subtree_control
        mkdir $small
        echo 8M >$small/memory.max
        mkfifo in
        sh -c "echo \$\$ >$small/cgroup.procs; read line; exec seq_touch 32" <in &
        program=$!
        exec 3>in
        until grep -qx $program $small/cgroup.procs; do sleep 0.1; done
        faultrec record --no-stacks --force -o t --pid $program 3>&- &
        recorder=$!
        until [ -s t.spool ] || ! [ -d /proc/$recorder ]; do sleep 0.1; done
        echo >&3
        exec 3>&-
        wait $program
        wait $recorder || exit
        faultrec info --format json t | tr -d '\n'
        echo
        cat $small/memory.events
        COLUMNS=160 faultrec report t
        rm -f in
        rmdir $small
        echo -memory >/sys/fs/cgroup/cgroup.subtree_control
        echo "$printk" >/proc/sys/kernel/printk
        """;

    // What a recording could leave in the kernel: probed functions, and whoever holds BPF objects or perf events.
    private const string WhatIsLeft = """
        cat /sys/kernel/tracing/enabled_functions /sys/kernel/tracing/kprobe_events /sys/kernel/debug/kprobes/list
        for fd in /proc/[0-9]*/fd/*; do readlink "$fd"; done | grep -E 'bpf|perf_event'
        ps -o comm | grep -x faultrec
        true
        """;

    public static Rung RungOf(string name) => Rungs.Single(rung => rung.Name == name);

    public static string Step(Rung rung, Workload workload, string what) => $"{rung}/{workload.Name}/{what}";

    public static string Step(Rung rung, string what) => $"{rung}/{what}";

    // The shell forks, so that the program's own getrusage begins at zero; `true` keeps it from an exec in its place.
    private static IEnumerable<GuestStep> Record(Rung rung, Workload workload) =>
    [
        new(Step(rung, workload, "record"), $"faultrec record --force --no-stacks --backend {rung} -o t -- sh -c '{workload.Command}; true'"),
        new(Step(rung, workload, "info"), "faultrec info --format json t"),
        new(Step(rung, workload, "report"), "faultrec report --format json t"),
    ];

    private static IEnumerable<GuestStep> Endings(Rung rung) =>
    [
        new(Step(rung, ExitCode), $"faultrec record --no-stacks --force --backend {rung} -o t -- exit_status code 3"),
        new(Step(rung, Signal), $"faultrec record --no-stacks --force --backend {rung} -o t -- exit_status signal 11"),
        new(Step(rung, Attached), Attach(rung)),
    ];

    private static string AsUser(int paranoid, string command)
        => $"before=$(cat /proc/sys/kernel/perf_event_paranoid); echo {paranoid} >/proc/sys/kernel/perf_event_paranoid; "
            + $"mkdir -m 777 -p /tmp/theirs; su -s /bin/sh user -c 'cd /tmp/theirs && {command}'; status=$?; "
            + "rm -rf /tmp/theirs; echo $before >/proc/sys/kernel/perf_event_paranoid; (exit $status)";

    /// <summary>Two programs that touch 1,024 pages each; the recording is of the first.</summary>
    private static string Neighbours(string target, string enter) => $$"""
        faultrec record --no-stacks --force --backend fexit {{target}} -o n &
        recorder=$!
        until [ -s n.spool ] || ! [ -d /proc/$recorder ]; do sleep 0.1; done
        sh -c '{{enter}} exec seq_touch 4' >/dev/null
        rand_touch 1000 16 >/dev/null
        kill -TERM $recorder
        wait $recorder || exit
        faultrec report --format json n
        """;

    /// <summary>By name, so that no count of the kernel tells how many faults there were.</summary>
    private static string RecordSleepers(string program) => $$"""
        faultrec record --no-stacks --force --backend kprobe --comm sleep_in_faults -o t &
        recorder=$!
        until [ -s t.spool ] || ! [ -d /proc/$recorder ]; do sleep 0.1; done
        {{program}}
        kill -TERM $recorder
        wait $recorder || exit
        faultrec info --format json t | tr -d '\n'
        echo

        """;

    /// <summary>All of the guest, where a program has been faulting before; and one more that tells its getrusage. A document a line.</summary>
    private static string RecordAll(Rung rung) => $$"""
        keep_touching 64 >kept &
        before=$!
        faultrec record --no-stacks --force --backend {{rung}} --all -o all &
        recorder=$!
        until [ -s all.spool ] || ! [ -d /proc/$recorder ]; do sleep 0.1; done
        sh -c 'seq_touch 4; true'
        kill -TERM $recorder
        wait $recorder || exit
        kill -TERM $before
        wait $before || exit
        cat kept
        faultrec info --format json all | tr -d '\n'
        echo
        faultrec report --format json --top 0 all | tr -d '\n'
        """;

    /// <summary>What each recording says of itself, a line each, and at last what the program says.</summary>
    private static string AttachAgain(Rung rung) => $$"""
        keep_touching 64 >kept &
        program=$!
        for i in $(seq {{AttachesEach}}); do
            faultrec record --no-stacks --force --backend {{rung}} --duration 200ms -o again --pid $program || exit
            faultrec info --format json again | tr -d '\n'
            echo
        done
        kill -TERM $program
        wait $program || exit
        cat kept
        """;

    // The spool is written to only after the recording has begun.
    private static string Attach(Rung rung) => $$"""
        mkfifo in out
        wait_then_touch 2 200 <in >out &
        program=$!
        exec 3>in 4<out
        read -r ready <&4
        faultrec record --no-stacks --force --backend {{rung}} -o attached --pid $program 3>&- 4<&- &
        recorder=$!
        until [ -s attached.spool ] || ! [ -d /proc/$recorder ]; do sleep 0.1; done
        echo >&3
        read -r touched <&4
        echo >&3
        wait $program || exit
        wait $recorder || exit
        faultrec report --format json attached
        rm -f in out
        """;
}
