using System.Globalization;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Report;

/// <summary>
/// A sentence about faults that the kernel counted for the target in addition to the rows: if there are many, tables of the rows alone are
/// misleading. Raw text.
/// </summary>
internal static class UnseenSentence
{
    private const double LeastShare = 0.03;
    private const long LeastFaults = 64;
    private const int NamedCalls = 3;

    /// <summary>Null: there are few, or the number is not known.</summary>
    public static string? Of(TraceMetadata metadata)
    {
        var receipt = metadata.Receipt;
        var (share, unseen) = (ShareOf(receipt), CountOf(receipt));
        if (share < LeastShare || unseen < LeastFaults)
            return null;
        var seen = receipt.SampledOut == 0
            ? $"{Units.Of(receipt.Events, "page-fault exception")} captured"
            : $"{Units.Of(receipt.Events + receipt.SampledOut, "page-fault exception")} seen";
        var more = receipt.InCalls is null
            ? $"the kernel counted {Units.Count(unseen)} more faults, inside system calls, execve or kernel mode"
            : InCalls(metadata, unseen);
        return $"{seen}; {more}, which this backend does not see: {Percent(share)} of its count.";
    }

    /// <summary>Calls of a name together, most faults first; <see langword="null"/> as name: not known.</summary>
    internal static IEnumerable<(string Name, long Faults)> ByName(IReadOnlyList<CallFaults> calls)
        => calls.GroupBy(NameOf).Select(group => (group.Key, group.Sum(call => call.Faults))).OrderByDescending(call => call.Item2);

    internal static string NameOf(CallFaults call)
        => call.Call ?? (call.Number < 0 ? "between calls" : string.Create(CultureInfo.InvariantCulture, $"call {call.Number}"));

    /// <summary>Of the faults that the kernel counted; 0 if that is not known.</summary>
    public static double ShareOf(Receipt receipt)
        => receipt.KernelMinor + receipt.KernelMajor is > 0 and var counted ? (double)CountOf(receipt) / counted : 0;

    /// <summary>Faults that the kernel counted and the backend does not see; 0 if that is not known.</summary>
    public static long CountOf(Receipt receipt) => receipt.InCalls ?? receipt.Unseen ?? 0;

    private static string InCalls(TraceMetadata metadata, long unseen)
    {
        var calls = ByName(metadata.CallFaults).ToList();
        var largest = calls.Take(NamedCalls).Select(call => $"{call.Name} {Units.Count(call.Faults)}");
        var names = calls.Count == 1 ? $" ({calls[0].Name})"
            : calls.Count > 1 ? $" ({string.Join(", ", largest)}{(calls.Count > NamedCalls ? ", …" : "")})"
            : "";
        // A fault may map one page, a huge one, or a few around it: if there were as many faults as pages in the calls' ranges, it was one each.
        var pages = metadata.CallFaults.Sum(call => PagesOf(call, metadata.PageSize) == call.Faults ? call.Faults : 0);
        return pages == unseen
            ? $"the kernel also filled {Units.Of(unseen, "page")} ({Units.Bytes(unseen * metadata.PageSize)}) inside system calls{names}"
            : $"the kernel also served {Units.Of(unseen, "fault")} inside system calls{names}";
    }

    private static long PagesOf(CallFaults call, int pageSize)
        => call is { Start: { } start, End: { } end } && end > start ? (long)((end - start + (ulong)pageSize - 1) / (ulong)pageSize) : 0;

    private static string Percent(double share)
        => share > 0.99 ? string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(share * 10_000) / 100:0.00} %") : Units.Percent(share);
}
