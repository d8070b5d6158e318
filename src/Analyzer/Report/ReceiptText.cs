using Faultrec.Traces;

namespace Faultrec.Analyzer;

/// <summary>
/// The capture receipt in plain words: every counter that is not zero is said. Raw text with names from the trace in it.
/// </summary>
public static class ReceiptText
{
    /// <summary>Starts with "complete:" or "INCOMPLETE:".</summary>
    public static string Describe(Receipt receipt)
    {
        var clauses = new List<string> { $"{Units.Of(receipt.Events, "fault")} captured, {Units.Count(receipt.Lost)} lost" };
        if (receipt.Missed != 0)
            clauses.Add($"{Units.Count(receipt.Missed)} missed{(receipt.Excluded != 0 ? " (of its own or of other processes)" : "")}, which the kernel counted and no probe saw served");
        AddLeftOut(clauses, receipt);
        AddKernel(clauses, receipt);
        AddPerf(clauses, receipt);
        AddDoubts(clauses, receipt);
        clauses.Add(Ending(receipt));
        return $"{(IsComplete(receipt) ? "complete" : "INCOMPLETE")}: {string.Join("; ", clauses)}";
    }

    /// <summary>The file's own verdict, unless its counters contradict it.</summary>
    public static bool IsComplete(Receipt receipt)
        => receipt is { Complete: true, Lost: 0, Missed: 0, LostSideband: 0, CountsLost: 0, SpoolBytesDropped: 0 };

    private static void AddLeftOut(List<string> clauses, Receipt receipt)
    {
        if (receipt.SampledOut != 0)
            clauses.Add($"{Units.Count(receipt.SampledOut)} ({Units.Count(receipt.SampledOutMajor)} major) left out by sampling");
        if (receipt.Excluded != 0)
            clauses.Add($"{Units.Count(receipt.Excluded)} of other processes left out");
    }

    private static void AddKernel(List<string> clauses, Receipt receipt)
    {
        if (receipt.KernelMinor is null && receipt.KernelMajor is null)
            return;
        var counted = (receipt.KernelMinor ?? 0) + (receipt.KernelMajor ?? 0);
        var exec = receipt.KernelExec is > 0 and var inExec ? $", of which {Units.Count(inExec)} in exec before the program's first instruction" : "";
        var major = receipt.KernelMajor is > 0 and var majors ? $" ({Units.Count(majors)} major)" : "";
        clauses.Add($"the kernel counted {Units.Count(counted)}{major}{exec}");
    }

    private static void AddPerf(List<string> clauses, Receipt receipt)
    {
        if (receipt.PerfMinor is null && receipt.PerfMajor is null)
            return;
        var counted = (receipt.PerfMinor ?? 0) + (receipt.PerfMajor ?? 0);
        clauses.Add(counted == receipt.Events + receipt.SampledOut + receipt.Excluded
            ? "its perf counters agree"
            : $"its perf counters say {Units.Count(counted)} ({Units.Count(receipt.PerfMajor ?? 0)} major)");
    }

    private static void AddDoubts(List<string> clauses, Receipt receipt)
    {
        Add(receipt.LostSideband, "records of mappings, names or forks lost, so regions may be wrong");
        Add(receipt.CountsLost, "TLB flushes, lock waits or kernel objects that the tables by process had no room for");
        Add(receipt.WithoutEntry, "faults without a duration, because their entry was not seen");
        Add(receipt.WithoutOutcome, "faults entered without an outcome (fixed up in the kernel, retried, or killed)");
        Add(receipt.WithoutRegion, "faults outside every known mapping");
        Add(receipt.RegionsFolded, "mappings beyond the ledger's limit folded into others");
        Add(receipt.RegionsOmitted, "mappings without a fault left out");
        Add(receipt.SpoolBytesDropped, "bytes of damaged spool left out");

        void Add(long count, string what)
        {
            if (count != 0)
                clauses.Add($"{Units.Count(count)} {what}");
        }
    }

    private static string Ending(Receipt receipt) => (receipt.EndReason, receipt.ExitStatus) switch
    {
        ("exited", null) => "ended with its target",
        ("exited", { } status) => $"the program exited with status {status}",
        ("interrupted", _) => "ended by an interrupt",
        ("duration", _) => "ended by --duration",
        ("max-size", _) => "ended by --max-size",
        ("disk-full", _) => "ended because the disk was full",
        ("recovered", _) => "recovered from the spool of a recorder that was killed",
        ("imported", _) => "imported from another tool, with nothing of the kernel's to compare with",
        (var other, _) => $"ended: {other}",
    };
}
