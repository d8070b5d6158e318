namespace Faultrec.Kernels.Tests;

/// <summary>The matrix: kernels, rungs, workloads, and the steps that every guest runs for them.</summary>
internal static class Plan
{
    public const string Doctor = "doctor";
    public const string Auto = "auto";
    public const string ExitCode = "exit-code";
    public const string Signal = "signal";
    public const string Attached = "attached";
    public const string LeftBefore = "left-before";
    public const string LeftAfter = "left-after";

    /// <summary>Names that scripts/fetch-kernels.sh knows.</summary>
    public static string[] Kernels { get; } = ["6.1", "6.12"];

    /// <summary>The rungs that must attach on every kernel above, in the order in which `auto` tries them.</summary>
    public static Rung[] Rungs { get; } = [Rung.Fexit, Rung.Kprobe, Rung.Tracepoint, Rung.Perf];

    public static IReadOnlyList<GuestStep> Steps { get; } =
    [
        new(LeftBefore, WhatIsLeft),
        new(Doctor, "faultrec doctor --format json"),
        new(Auto, "faultrec record --force -o t -- true >/dev/null && faultrec info --format json t"),
        .. Rungs.SelectMany(rung => (GuestStep[])[.. Workload.All.SelectMany(workload => Record(rung, workload)), .. Endings(rung)]),
        new(LeftAfter, WhatIsLeft),
    ];

    // What a recording could leave in the kernel: probed functions, and whoever holds BPF objects or perf events.
    private const string WhatIsLeft = """
        cat /sys/kernel/tracing/enabled_functions /sys/kernel/tracing/kprobe_events /sys/kernel/debug/kprobes/list
        for fd in /proc/[0-9]*/fd/*; do readlink "$fd"; done | grep -E 'bpf|perf_event'
        ps -o comm | grep -x faultrec
        true
        """;

    public static string Step(Rung rung, Workload workload, string what) => $"{rung}/{workload.Name}/{what}";

    public static string Step(Rung rung, string what) => $"{rung}/{what}";

    // The shell forks, so that the program's own getrusage begins at zero; `true` keeps it from an exec in its place.
    private static IEnumerable<GuestStep> Record(Rung rung, Workload workload) =>
    [
        new(Step(rung, workload, "record"), $"faultrec record --force --backend {rung} -o t -- sh -c '{workload.Command}; true'"),
        new(Step(rung, workload, "info"), "faultrec info --format json t"),
        new(Step(rung, workload, "report"), "faultrec report --format json t"),
    ];

    private static IEnumerable<GuestStep> Endings(Rung rung) =>
    [
        new(Step(rung, ExitCode), $"faultrec record --force --backend {rung} -o t -- exit_status code 3"),
        new(Step(rung, Signal), $"faultrec record --force --backend {rung} -o t -- exit_status signal 11"),
        new(Step(rung, Attached), Attach(rung)),
    ];

    // The spool is written to only after the recording has begun.
    private static string Attach(Rung rung) => $$"""
        mkfifo in out
        wait_then_touch 2 200 <in >out &
        program=$!
        exec 3>in 4<out
        read -r ready <&4
        faultrec record --force --backend {{rung}} -o attached --pid $program 3>&- 4<&- &
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
