using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>The tables on when and where inside regions.</summary>
public abstract partial class DuckDbOracle
{
    /// <summary>The first row of each page of a region, by time; without a mapping a page is its process's.</summary>
    private const string FirstTouches = """
        first AS (
            SELECT region_id, min(time_ns) AS time_ns FROM rows GROUP BY region_id, CASE WHEN region_id = 0 THEN pid ELSE 0 END, page)
        """;

    [Fact]
    public void Timeline()
    {
        Assert.InRange(_report.Timeline.Count, 20, 60);
        Same(
            $"SELECT time_ns // {_report.TimeAxis!.BucketNs} AS bucket, {Counts}, coalesce(sum(duration_ns), 0) FROM faults GROUP BY bucket",
            _report.Timeline
                .Select((row, bucket) => new object[] { bucket, row.Counts.Minor, row.Counts.Major, row.Counts.Failed, row.Counts.DurationNs })
                .Where(row => (long)row[1] + (long)row[2] + (long)row[3] > 0));
    }

    [Fact]
    public void New_touched_and_resident_pages() => Same(
        $"""
        WITH {FirstTouches}, buckets AS (SELECT range AS bucket, least((range + 1) * {_report.TimeAxis!.BucketNs}, {_report.TimeAxis.ToNs}) AS ends FROM range({_report.TimeAxis.Count}))
        SELECT bucket, count(*) FILTER (time_ns >= bucket * {_report.TimeAxis.BucketNs}), count(*), count(*) FILTER (died_ns IS NULL OR died_ns > ends)
        FROM buckets, first LEFT JOIN regions ON id = region_id WHERE time_ns < ends GROUP BY bucket
        """,
        _report.Timeline.Select((row, bucket) => new object[] { bucket, row.NewPages, row.TouchedPages, row.ResidentPages }));

    [Fact]
    public void HeatMaps() => Same(
        $"""
        SELECT region_id, time_ns // {_report.HeatAxis!.BucketNs} AS row, (address - range_start) * 64 // (range_end - range_start) AS bucket, count(*)
        FROM faults JOIN regions ON id = region_id GROUP BY ALL
        """,
        _report.HeatMaps
            .SelectMany(map => map.Rows.SelectMany((heat, row) => heat.Select((faults, bucket) => new object[] { map.Id, row, bucket, faults })))
            .Where(row => (long)row[3] > 0));

    // A range is hot when those before it, most faults first, do not yet hold 90 %.
    [Fact]
    public void HotRanges() => Same(
        """
        WITH ranges AS (SELECT region_id, address // 2097152 AS block, count(*) AS n FROM faults WHERE region_id > 0 GROUP BY ALL),
            ranked AS (
                SELECT *, sum(n) OVER (PARTITION BY region_id) AS every,
                    coalesce(sum(n) OVER (PARTITION BY region_id ORDER BY n DESC, block ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS above,
                    row_number() OVER (PARTITION BY region_id ORDER BY n DESC, block) AS place
                FROM ranges),
            marked AS (SELECT *, above * 10 < every * 9 AS hot FROM ranked)
        SELECT region_id, any_value(every), count(*), count(*) FILTER (hot), sum(n) FILTER (hot),
            sum(least(block * 2097152 + 2097152, range_end) - greatest(block * 2097152, range_start)) FILTER (hot), sum(block * 2097152) FILTER (place = 1)
        FROM marked JOIN regions ON id = region_id GROUP BY region_id
        """,
        _report.HotRanges.Select(row => new object[] { row.Id, row.Faults, row.Touched, row.Hot, row.HotFaults, row.HotBytes, (long)row.Hottest[0].Start }));

    [Fact]
    public void First_touches() => Same(
        $"WITH {FirstTouches} SELECT region_id, time_ns // {_report.TimeAxis!.BucketNs} AS bucket, count(*) FROM first GROUP BY ALL",
        _report.FirstTouches.SelectMany(row => row.FirstTouches.Select((pages, bucket) => new object[] { row.Id, bucket, pages })).Where(row => (long)row[2] > 0));
}
