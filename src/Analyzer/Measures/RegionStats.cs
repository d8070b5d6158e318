using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Measures;

/// <summary>What happened in one region: counts, cost, which pages, and where in its address range.</summary>
internal sealed class RegionStats
{
    private readonly ulong _start;
    private readonly ulong _bytes;
    private readonly int _pageShift;
    private FaultCounts _counts;

    /// <param name="region">Null: faults that no known mapping covered.</param>
    public RegionStats(Region? region, int pageShift)
    {
        _pageShift = pageShift;
        if (region is not null && region.End > region.Start)
        {
            _start = region.Start;
            _bytes = region.End - region.Start;
        }

        Pages = new PageSet((long)(_start >> pageShift), (long)(_bytes >> pageShift));
    }

    public ref readonly FaultCounts Counts => ref _counts;

    public LatencyHistogram Latency { get; } = new();

    public PageSet Pages { get; }

    /// <summary>Faults in bucket ⌊offset · 64 / size⌋; an address outside the range is in none.</summary>
    public HeatCounts Heat { get; } = new();

    /// <param name="weight">Faults that this one stands for; its page still counts once.</param>
    public void Add(Severity severity, long durationNs, ulong address, int weight)
    {
        _counts.Add(severity, durationNs, weight);
        if (durationNs >= 0)
            Latency.Add(durationNs, weight);
        Pages.Add((long)(address >> _pageShift));
        var offset = address - _start;
        if (offset < _bytes)
            Heat.Add(HeatCounts.BucketOf(offset, _bytes), weight);
    }

    public void Merge(RegionStats other)
    {
        _counts.Merge(other._counts);
        Latency.Merge(other.Latency);
        Pages.Merge(other.Pages);
        Heat.Merge(other.Heat);
    }
}
