using System.Numerics;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Report;

/// <summary>One bucket of the time line.</summary>
/// <param name="NewPages">Pages of a region that faulted for the first time in what the report looks at.</param>
/// <param name="TouchedPages">All of those up to the end of the bucket.</param>
/// <param name="ResidentPages">Of the touched pages, those whose region had not died by the end of the bucket.</param>
public sealed record TimeRow(long FromNs, long LengthNs, FaultCounts Counts, long NewPages, long TouchedPages, long ResidentPages)
{
    public long FaultsPerSecond => PerSecond(Counts.Faults);

    /// <summary>Null where the trace does not say which faults were major.</summary>
    public long? MajorPerSecond => Counts.KnownMajor is { } major ? PerSecond(major) : null;

    public long NewPagesPerSecond => PerSecond(NewPages);

    private long PerSecond(long count) => (long)Math.Round(count * 1e9 / LengthNs);
}

/// <summary>When the pages of a region were first touched.</summary>
/// <param name="Region">Null: no known mapping, id 0.</param>
/// <param name="Pages">Of the region's range; 0 without one.</param>
/// <param name="FirstTouches">Pages by the bucket of the time line in which each faulted first.</param>
public sealed record FirstTouchRow(int Id, Region? Region, long Pages, long TouchedPages, IReadOnlyList<long> FirstTouches);

/// <summary>Rows of the time line and of the first touches by region.</summary>
internal static class TimeTables
{
    public static List<TimeRow> Timeline(TimeAggregate? aggregate, FirstTouchAggregate? touches)
    {
        var rows = new List<TimeRow>();
        if (aggregate is null || touches is null)
            return rows;
        var axis = aggregate.Axis;
        var (fresh, resident) = (new long[axis.Count], new long[axis.Count]);
        foreach (var region in touches.All)
            AddPages(axis, region, fresh, resident);
        long touched = 0;
        for (var i = 0; i < axis.Count; i++)
        {
            touched += fresh[i];
            rows.Add(new TimeRow(axis.StartNs(i), axis.LengthNs(i), aggregate.Counts(i), fresh[i], touched, resident[i]));
        }

        return rows;
    }

    /// <summary>Most touched pages first.</summary>
    public static List<FirstTouchRow> FirstTouches(int pageSize, RegionIndex index, FirstTouchAggregate? touches)
    {
        var rows = new List<FirstTouchRow>();
        if (touches is null)
            return rows;
        var (pageShift, unmapped) = (BitOperations.Log2((uint)pageSize), new long[touches.Axis.Count]);
        for (var id = 1; id < index.IdLimit; id++)
        {
            if (touches.ById(id) is not { } region || index.Find(id) is not { } known)
                continue;
            var pages = known.End > known.Start ? (long)((known.End - known.Start) >> pageShift) : 0;
            rows.Add(new FirstTouchRow(id, known, pages, region.Pages, [.. region.ByBucket.Select(count => (long)count)]));
        }

        foreach (var process in touches.All.Where(region => region.Region is null))
        {
            for (var i = 0; i < unmapped.Length; i++)
                unmapped[i] += process.ByBucket[i];
        }

        if (unmapped.Sum() is > 0 and var pagesWithoutMapping)
            rows.Add(new FirstTouchRow(0, null, 0, pagesWithoutMapping, unmapped));
        rows.Sort((a, b) => b.TouchedPages.CompareTo(a.TouchedPages) is var order && order != 0 ? order : a.Id.CompareTo(b.Id));
        return rows;
    }

    private static void AddPages(TimeAxis axis, RegionTouches region, long[] fresh, long[] resident)
    {
        var died = region.Region?.DiedNs ?? long.MaxValue;
        long touched = 0;
        for (var i = 0; i < fresh.Length; i++)
        {
            fresh[i] += region.ByBucket[i];
            touched += region.ByBucket[i];
            if (died > axis.StartNs(i) + axis.LengthNs(i))
                resident[i] += touched;
        }
    }
}
