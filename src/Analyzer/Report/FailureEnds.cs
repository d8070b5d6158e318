using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Report;

/// <summary>What happened to the processes whose faults failed: they handled the signal, or it ended them.</summary>
internal static class FailureEnds
{
    /// <summary>The end of the sentence that counts failed faults; empty if nothing is known.</summary>
    public static string Describe(FaultReport report, long failed)
    {
        var pids = report.Rows(ProcessTable.Definition).Where(row => row.Counts.Failed > 0).Select(row => row.Pid).ToHashSet();
        var processes = report.Metadata.Processes.Where(process => pids.Contains(process.Pid)).ToList();
        var killed = processes.Where(process => process.FatalFaultNs is { } fatal && IsIn(report.Filter, fatal)).ToList();
        if (killed.Count > 0)
        {
            var first = killed[0];
            var whom = killed.Count == 1 ? $"{first.Comm} (pid {first.Pid})" : $"{Units.Count(killed.Count)} processes";
            var signal = killed.All(process => process.ExitSignal == first.ExitSignal) ? SignalName(first.ExitSignal!.Value) : "their signals";
            var others = failed > killed.Count && report.Sample is null ? $"; {Units.Count(failed - killed.Count)} ended nothing" : "";
            return $", and {signal} ended {whom}{others}";
        }

        // A process that still lives, or ended in another way, has handled its signals.
        return processes.Count > 0 && processes.All(process => process.ExitSignal is not null) ? "; no process ended by it" : "";
    }

    private static bool IsIn(FaultFilter filter, long timeNs) => timeNs >= (filter.FromNs ?? long.MinValue) && timeNs < (filter.ToNs ?? long.MaxValue);

    public static string SignalName(int signal) => signal switch
    {
        7 => "SIGBUS",
        11 => "SIGSEGV",
        _ => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"signal {signal}"),
    };
}
