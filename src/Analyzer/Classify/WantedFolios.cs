using System.Numerics;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Classify;

/// <summary>Which sizes of folios the kernel tries for a fault of anonymous memory: thp_vma_allowable_orders (include/linux/huge_mm.h).</summary>
internal sealed class WantedFolios
{
    private const int KibShift = 10;

    // Bit n: folios of 2^n pages.
    private readonly int _always;
    private readonly int _advised;

    public WantedFolios(TraceMetadata metadata)
    {
        var pages = metadata.Pages;
        foreach (var (order, mode) in Modes(metadata))
        {
            if (order < 0 || order > pages.HugeOrder)
                continue;
            _always |= mode == "always" ? 1 << order : 0;
            _advised |= mode is "always" or "madvise" ? 1 << order : 0;
        }
    }

    /// <summary>Bit n: folios of 2^n pages, in a range with this advice.</summary>
    public int Orders(RangeState state)
        => (state & RangeState.HugeForbidden) != 0 ? 0 : (state & RangeState.HugeWanted) != 0 ? _advised : _always;

    // Before 6.8 there is one size, and one setting.
    private static IEnumerable<(int Order, string? Mode)> Modes(TraceMetadata metadata)
        => metadata.FolioSizes.Count == 0
            ? [(metadata.Pages.HugeOrder, metadata.ThpMode)]
            : metadata.FolioSizes.Select(size => (
                BitOperations.Log2((uint)size.Kib) + KibShift - metadata.Pages.PageShift, size.Enabled == "inherit" ? metadata.ThpMode : size.Enabled));
}
