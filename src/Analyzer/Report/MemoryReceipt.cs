using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Report;

/// <summary>
/// How far the account of resident memory is from the kernel's own counters, for the process with most: at its peak, and at the last reading of the counters.
/// </summary>
/// <param name="Row">Its bytes by the kernel may be null: they were not read.</param>
/// <param name="IsLowerBound">Pages may have become resident that the trace does not have.</param>
internal sealed record MemoryReceipt(RssRow Row, long PageSize, bool IsLowerBound)
{
    public long PeakBytes => Row.PeakPages * PageSize;

    public long EndBytes => Row.EndPages * PageSize;

    /// <summary>Null: there is no account of the whole recording, or little memory in it.</summary>
    public static MemoryReceipt? Of(FaultReport report)
        => report.Memory is { IsWorthASentence: true } memory && report.Rows(RssTable.Definition) is [var most, ..]
            ? new MemoryReceipt(most, report.Metadata.PageSize, memory.IsLowerBound)
            : null;

    /// <summary>A clause of the receipt. Raw text with a name from the trace in it.</summary>
    public string Describe()
    {
        var name = $"{(Row.Comm is { } comm ? $"{comm} (pid {Row.Pid})" : $"pid {Row.Pid}")}";
        return $"resident memory of {name}: accounted are {Beside(PeakBytes, Row.KernelPeakBytes)} at its peak"
            + (Row.KernelEndBytes is null ? "" : $", and {Beside(EndBytes, Row.KernelEndBytes)} when its counters were last read");
    }

    /// <summary>"at least 241 MiB, 1.5 MiB less than the kernel counted,".</summary>
    private string Beside(long bytes, long? kernelBytes)
    {
        var amount = $"{(IsLowerBound ? "at least " : "")}{Units.Bytes(bytes)}";
        return kernelBytes is not { } counted ? $"{amount} (what the kernel counted is unknown)"
            : counted == bytes ? $"{amount}, as much as the kernel counted,"
            : $"{amount}, {Units.Bytes(Math.Abs(bytes - counted))} {(bytes < counted ? "less" : "more")} than the kernel counted,";
    }
}
