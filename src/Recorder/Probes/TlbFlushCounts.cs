using System.Globalization;
using Faultrec.Recorder.Native;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Probes;

/// <summary>TLB flushes of the recorded processes, see bpf/tlb.bpf.h.</summary>
internal static class TlbFlushCounts
{
    public static string? Reason(Btf? btf)
        => btf?.HasTracepoint("tlb_flush") == true ? null : "this kernel has no tracepoint tlb_flush, or its BTF does not list it";

    /// <param name="seesSwitches">A probe of --why looks at each context switch anyway.</param>
    public static IReadOnlyList<string> Programs(bool seesSwitches) => seesSwitches ? ["tlb_flushed"] : ["tlb_flushed", "tlb_switched"];

    public static IReadOnlyList<TlbFlushes> Read(AttachedProbes probes)
    {
        using var btf = Btf.OpenKernel();
        var names = btf?.Enumerators("tlb_flush_reason").ToLookup(reason => reason.Value, reason => reason.Key);
        return [.. probes.ReadHash<FlushKey, FlushCount>("flush_counts")
            .Select(entry => new TlbFlushes(entry.Key.Pid, Name(entry.Key.Reason), entry.Value.Flushes, entry.Value.Pages, entry.Value.Full))
            .OrderBy(count => (count.Pid, count.Reason))];

        string Name(uint reason) => names?[reason].FirstOrDefault() ?? reason.ToString(CultureInfo.InvariantCulture);
    }
}
