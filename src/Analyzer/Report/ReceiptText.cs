using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Report;

/// <summary>
/// The capture receipt in plain words: it mentions every counter that is not zero. Raw text with names from the trace in it.
/// </summary>
internal static class ReceiptText
{
    private const string Complete = "complete";

    /// <summary>Starts with "complete" (and for what, if the kernel counted more than the backend sees) or with "INCOMPLETE:".</summary>
    public static string Describe(Receipt receipt)
    {
        var clauses = new List<string> { $"{Units.Of(receipt.Events, "fault")} captured, {Units.Count(receipt.Lost)} lost" };
        if (receipt.Failed is > 0 and var failed)
            clauses.Add($"{Units.Count(failed)} of them failed, which the kernel does not count");
        if (receipt.Missed != 0)
        {
            clauses.Add(
                $"{Units.Count(receipt.Missed)} missed{(receipt is { Excluded: not 0, Failed: null } ? " (of its own or of other processes)" : "")}, "
                + "which the kernel counted but no probe saw being served");
        }

        AddLeftOut(clauses, receipt);
        AddKernel(clauses, receipt);
        AddPerf(clauses, receipt);
        AddDoubts(clauses, receipt);
        clauses.Add(Ending(receipt));
        return $"{Verdict(receipt)}: {string.Join("; ", clauses)}";
    }

    /// <summary>The same, and how far the report's account of resident memory is from the kernel's counters.</summary>
    public static string Describe(FaultReport report)
        => Describe(report.Metadata.Receipt) + (MemoryReceipt.Of(report) is { } memory ? $"; {memory.Describe()}" : "");

    /// <summary>The file's own verdict, unless its counters contradict it.</summary>
    public static bool IsComplete(Receipt receipt) => receipt.Complete && receipt.LostNothing();

    /// <summary>The recording is complete or not, without more words.</summary>
    public static bool IsPlain(Receipt receipt) => !IsComplete(receipt) || Verdict(receipt) == Complete;

    /// <summary>The word that it begins with.</summary>
    public static string Verdict(Receipt receipt)
        => !IsComplete(receipt) ? "INCOMPLETE"
            : receipt.InCalls > 0 ? "complete for page-fault exceptions"
            : receipt.Unseen > 0 ? "complete for what this backend sees"
            : Complete;

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
        if (receipt.Failed is { } failed && (receipt.InCalls ?? receipt.Unseen) is not null)
        {
            clauses.Add(Equation(receipt, failed, counted));
            return;
        }

        var exec = receipt.KernelExec is > 0 and var inExec ? $", of which {Units.Count(inExec)} in exec before the program's first instruction" : "";
        var major = receipt.KernelMajor is > 0 and var majors ? $" ({Units.Count(majors)} major)" : "";
        clauses.Add($"the kernel counted {Units.Count(counted)}{major}{exec}");
    }

    /// <summary>"61 captured + 131,072 inside system calls + 2 in exec = 131,135, the kernel's count".</summary>
    private static string Equation(Receipt receipt, long failed, long counted)
    {
        var terms = new List<string> { $"{Units.Count(receipt.Events - failed)} {(failed > 0 ? "served" : "captured")}" };
        var sum = receipt.Events - failed;
        Add(receipt.SampledOut, "left out by sampling");
        Add(receipt.InCalls ?? 0, "inside system calls (unseen by this backend)");
        Add(receipt.KernelExec ?? 0, "in exec before the program's first instruction");
        Add(receipt.Unseen ?? 0, "unseen by this backend (inside system calls, execve or kernel mode)");
        Add(receipt.Lost, "lost");
        Add(receipt.Missed, "missed");
        var major = receipt.KernelMajor is > 0 and var majors ? $" ({Units.Count(majors)} major)" : "";
        return sum == counted
            ? $"{string.Join(" + ", terms)} = {Units.Count(counted)}{major}, the kernel's count"
            : $"{string.Join(" + ", terms)} = {Units.Count(sum)}, but the kernel counted {Units.Count(counted)}{major}";

        void Add(long count, string what)
        {
            if (count == 0)
                return;
            terms.Add($"{Units.Count(count)} {what}");
            sum += count;
        }
    }

    private static void AddPerf(List<string> clauses, Receipt receipt)
    {
        if (receipt.PerfMinor is null && receipt.PerfMajor is null)
            return;
        var counted = (receipt.PerfMinor ?? 0) + (receipt.PerfMajor ?? 0);
        var agrees = counted == receipt.Events - (receipt.Failed ?? 0) + receipt.SampledOut + receipt.Excluded;
        if (!agrees && receipt is { Excluded: > 0, InCalls: not null })
            return; // counters of the whole machine, which include faults of other processes
        clauses.Add(agrees
            ? "its perf counters agree"
            : $"its perf counters say {Units.Count(counted)} ({Units.Count(receipt.PerfMajor ?? 0)} major)");
    }

    private static void AddDoubts(List<string> clauses, Receipt receipt)
    {
        foreach (var counter in Receipt.Counters)
        {
            if (counter.Doubt is { } doubt && counter.Of(receipt) is { } count and not 0)
                clauses.Add($"{Units.Of(count, counter.Unit)} {doubt}");
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
        ("write-failed", _) => "ended because its working file could not be written",
        ("failed", _) => "ended by a failure of the recorder",
        ("recovered", _) => "recovered from the spool of a recorder that was killed",
        ("imported", _) => "imported from another tool, without kernel counters to compare with",
        (var other, _) => $"ended: {other}",
    };
}
