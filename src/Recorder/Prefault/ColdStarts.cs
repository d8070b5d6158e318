using System.Diagnostics;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Launch;
using Faultrec.Recorder.Native;
using Faultrec.Traces.Plans;

namespace Faultrec.Recorder.Prefault;

/// <param name="TimeNs">From before the process exists to its end.</param>
/// <param name="MajorFaults">Of the command and of the processes it waited for; with a plan also of faultrec itself.</param>
/// <param name="Status">As a shell says it.</param>
public readonly record struct ColdStart(long TimeNs, long MajorFaults, int Status);

/// <summary>
/// Cold starts of a command, alternately without and with its plan. The plan's files are cold: before each start their pages are
/// dropped from the page cache, unless they are mapped by a process or dirty. This needs no privilege.
/// </summary>
public static class ColdStarts
{
    private const string Nowhere = "/dev/null";

    /// <param name="prefaultArguments">Arguments with which this executable prefaults and becomes the command.</param>
    public static IReadOnlyList<(ColdStart Without, ColdStart With)> Run(PrefaultPlan plan, IReadOnlyList<string> command,
        IReadOnlyList<string> prefaultArguments, int pairs)
    {
        List<(ColdStart, ColdStart)> starts = [];
        IReadOnlyList<string> withPlan = [.. Launcher.SelfCommand(), .. prefaultArguments];
        for (var pair = 0; pair < pairs; pair++)
        {
            // Each side comes first equally often.
            var withFirst = pair % 2 == 1;
            var first = Start(plan, withFirst ? withPlan : command);
            var second = Start(plan, withFirst ? command : withPlan);
            starts.Add(withFirst ? (second, first) : (first, second));
        }

        return starts;
    }

    // SAFETY: the file actions fit into the buffer, and are destroyed before it goes; wait4 writes into locals.
    private static unsafe ColdStart Start(PrefaultPlan plan, IReadOnlyList<string> command)
    {
        Drop(plan);
        // The command's output is not part of the comparison.
        const int actionsSize = 256; // posix_spawn_file_actions_t is 80 bytes in glibc 2.36
        var actions = stackalloc byte[actionsSize];
        _ = Libc.PosixSpawnFileActionsInit(actions);
        for (var fd = 0; fd <= 2; fd++)
            _ = Libc.PosixSpawnFileActionsAddopen(actions, fd, Nowhere, Libc.ORdwr, 0);
        var begin = Stopwatch.GetTimestamp();
        var error = Launcher.TrySpawn(command, actions, out var pid);
        _ = Libc.PosixSpawnFileActionsDestroy(actions);
        if (error != 0)
            throw Launcher.ExecFailure(command[0], error);
        int status;
        Libc.Rusage usage;
        while (Libc.Wait4(pid, &status, 0, &usage) < 0 && Marshal.GetLastPInvokeError() == Errno.Eintr)
        {
        }

        var time = (long)Stopwatch.GetElapsedTime(begin).TotalNanoseconds;
        return new ColdStart(time, usage.MajorFaults, Launcher.StatusOf(status));
    }

    private static void Drop(PrefaultPlan plan)
    {
        using var files = new PlannedFiles(plan);
        for (var file = 0; file < plan.Files.Count; file++)
        {
            if (files.Open(file, out _) is { } opened)
                _ = Libc.PosixFadvise((int)opened.DangerousGetHandle(), 0, 0, Libc.FadviseDontNeed);
        }
    }
}
