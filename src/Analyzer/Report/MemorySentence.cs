using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Report;

/// <summary>A sentence about how resident memory moved, and who made most of it. Raw text.</summary>
internal static class MemorySentence
{
    private const int NameWidth = 60;

    /// <summary>Of the peak: code with less is not named.</summary>
    private const double LeastShare = 0.1;

    /// <summary>Of the peak: a process with less is not the one whose counter the peak is compared with.</summary>
    private const double OneProcess = 0.99;

    /// <summary>Null: no account, or little memory.</summary>
    public static string? Of(FaultReport report)
    {
        if (report.Memory is not { IsWorthASentence: true } memory)
            return null;
        var account = memory.Account;
        var kept = memory.KeptPages;
        var end = kept >= account.Peak || report.Metadata.Releases is null ? "" : $", of which {Units.Bytes(memory.Bytes(kept))} stayed to the end";
        return $"Resident memory reached {(memory.IsLowerBound ? "at least " : "")}{Units.Bytes(memory.Bytes(account.Peak))}{Kernel(report)}"
            + $"{(account.Processes.Count(process => process.Peak > 0) > 1 ? " in all processes together" : "")}{end}{Code(report)}.";
    }

    /// <summary>The process that had nearly all of the peak, so that the kernel's own peak of it can stand beside; null: there is none.</summary>
    public static RssRow? OnlyProcess(FaultReport report)
        => report.Rows(RssTable.Definition) is [var first, ..] && first.PeakPages >= OneProcess * report.Memory!.Account.Peak ? first : null;

    private static string Kernel(FaultReport report)
        => OnlyProcess(report) is { KernelPeakBytes: { } bytes } ? $" (the kernel counted {Units.Bytes(bytes)})" : "";

    private static string Code(FaultReport report)
    {
        if (report.Metadata.Stacks is null || report.Rows(ResidentTable.Definition) is not [var first, ..] || first.Share < LeastShare)
            return "";
        var name = Columns.CutMiddle(first.Code, NameWidth);
        return $"; {Units.Percent(first.Share)} of the peak ({Units.Bytes(first.PeakPages * report.Metadata.PageSize)}) "
            + (first.RegionId == 0 && first.Through is null && first.Code.StartsWith('[') ? $"is charged to {name}" : $"was touched by {name}");
    }
}
