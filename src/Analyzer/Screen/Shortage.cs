using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Screen;

/// <summary>A limit of memory that mattered, by the kernel's own counters.</summary>
internal static class Shortage
{
    /// <summary>Of the recording: tasks that waited for memory for less were not slowed by it.</summary>
    private const double LeastOfRecording = 0.1;

    private const int KilledStatus = 128 + 9;
    private const int NameWidth = 40;

    /// <summary>Processes that the kernel killed for lack of memory; null: none is known.</summary>
    public static string? Kills(FaultReport report)
    {
        if (report.Metadata.Pressure is not { OomKills: > 0 and var kills } pressure)
            return null;
        var ended = report.Metadata.Receipt.ExitStatus == KilledStatus ? "; the program ended by SIGKILL" : "";
        return $"The kernel killed {Units.Of(kills, "process", "processes")} of {Limit(pressure)}, for lack of memory (OOM){ended}.";
    }

    /// <summary>How often a limit was met and how long tasks waited for memory; null: it did not matter, or is not known.</summary>
    /// <param name="isSlow">Faults took much of the recording, or threads waited in them.</param>
    public static string? Of(FaultReport report, bool isSlow)
    {
        if (report.Metadata.Pressure is not { } pressure)
            return null;
        var share = report.Metadata.DurationNs > 0 ? (double?)pressure.SomeNs / report.Metadata.DurationNs : null;
        var waited = share >= LeastOfRecording
            ? (pressure.IsPressureOfMachine ? "tasks of the machine" : "its tasks")
                + $" waited for memory in {Units.Percent(Math.Min(share.Value, 1))} of the time (PSI)"
            : null;
        if (pressure.LimitHits > 0 && (isSlow || waited is not null))
        {
            var times = pressure.LimitHits == 1 ? "once" : $"{Units.Count(pressure.LimitHits.Value)} times";
            return $"The limit of {Limit(pressure)}, was met {times}{(waited is null ? "" : $"; {waited}")}.";
        }

        return waited is null ? null : $"{char.ToUpperInvariant(waited[0])}{waited[1..]}.";
    }

    private static string Limit(MemoryPressure pressure)
        => $"cgroup {Columns.CutMiddle(pressure.Cgroup ?? "/", NameWidth)}, {pressure.Limit} {Units.Bytes(pressure.LimitBytes ?? 0)}";
}
