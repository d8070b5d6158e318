using Xunit;

namespace Faultrec.Analyzer.Tests;

public sealed class ViewOracleTests() : ViewOracle(isSample: false);

public sealed class SampledViewOracleTests() : ViewOracle(isSample: true);

/// <summary>The tables on when and where inside regions once more in SQL.</summary>
public abstract class ViewOracle(bool isSample) : DuckDbTest(RandomTrace.Metadata(isSample),
    RandomTrace.Faults(RandomTrace.Metadata(isSample), 20_000, seed: 11))
{
    /// <summary>The first row of each page of a region, by time; without a mapping a page is its process's.</summary>
    private const string FirstTouchesSql = """
        first AS (
            SELECT region_id, min(time_ns) AS time_ns FROM rows GROUP BY region_id, CASE WHEN region_id = 0 THEN pid ELSE 0 END, page)
        """;

    /// <summary>Pages from a thread's fault in a region to its next there.</summary>
    private const string Steps = """
        steps AS (
            SELECT region_id, tid, place, page - lag(page) OVER (PARTITION BY region_id, tid ORDER BY place) AS step FROM rows WHERE region_id > 0)
        """;

    [Fact]
    public void Timeline()
    {
        Assert.InRange(Report.Timeline.Count, 20, 60);
        Same(
            $"SELECT time_ns // {Report.TimeAxis!.BucketNs} AS bucket, {Counts}, coalesce(sum(duration_ns), 0) FROM faults GROUP BY bucket",
            Report.Timeline
                .Select((row, bucket) => new object[] { bucket, row.Counts.Minor, row.Counts.Major, row.Counts.Failed, row.Counts.DurationNs })
                .Where(row => (long)row[1] + (long)row[2] + (long)row[3] > 0));
    }

    [Fact]
    public void NewAndTouchedPages() => Same(
        $"""
        WITH {FirstTouchesSql}, buckets AS (SELECT range AS bucket, least((range + 1) * {Report.TimeAxis!.BucketNs}, {Report.TimeAxis.ToNs}) AS ends FROM range({Report.TimeAxis.Count}))
        SELECT bucket, count(*) FILTER (time_ns >= bucket * {Report.TimeAxis.BucketNs}), count(*)
        FROM buckets, first WHERE time_ns < ends GROUP BY bucket
        """,
        Report.Timeline.Select((row, bucket) => new object[] { bucket, row.NewPages, row.TouchedPages }));

    [Fact]
    public void HeatMaps() => Same(
        $"""
        SELECT region_id, time_ns // {Report.HeatAxis!.BucketNs} AS row, (address - range_start) * 64 // (range_end - range_start) AS bucket, count(*)
        FROM faults JOIN regions ON id = region_id GROUP BY ALL
        """,
        Report.HeatMaps
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
        Report.HotRanges.Select(row => new object[] { row.Id, row.Faults, row.Touched, row.Hot, row.HotFaults, row.HotBytes, (long)row.Hottest[0].Start }));

    [Fact]
    public void FirstTouches() => Same(
        $"WITH {FirstTouchesSql} SELECT region_id, time_ns // {Report.TimeAxis!.BucketNs} AS bucket, count(*) FROM first GROUP BY ALL",
        Report.FirstTouches.SelectMany(row => row.FirstTouches.Select((pages, bucket) => new object[] { row.Id, bucket, pages }))
            .Where(row => (long)row[2] > 0));

    [Fact]
    public void Runs() => SameUnlessSample(
        $"""
        WITH {Steps},
            marked AS (SELECT *, step IS DISTINCT FROM lag(step) OVER walk AS begins FROM steps WHERE step IS NOT NULL WINDOW walk AS (PARTITION BY region_id, tid ORDER BY place)),
            numbered AS (SELECT *, sum(begins::INT) OVER (PARTITION BY region_id, tid ORDER BY place) AS run FROM marked),
            runs AS (SELECT region_id, step, count(*) AS n FROM numbered GROUP BY region_id, tid, run, step)
        SELECT region_id, sum(n), coalesce(sum(n) FILTER (abs(step) = 1), 0), count(*) FILTER (step = 1), count(*) FILTER (step = -1), coalesce(max(n) FILTER (abs(step) = 1) + 1, 0)
        FROM runs GROUP BY region_id
        """,
        Report.Locality.Where(row => row.Steps > 0)
            .Select(row => new object[] { row.Id, row.Steps, row.SequentialSteps, row.RunsUp, row.RunsDown, row.LongestRun }));

    [Fact]
    public void Strides() => SameUnlessSample(
        $"""
        WITH {Steps},
            strides AS (SELECT region_id, step, count(*) AS n FROM steps WHERE step IS NOT NULL GROUP BY region_id, step),
            ranked AS (
                SELECT *, sum(n) OVER (PARTITION BY region_id) AS every, row_number() OVER (PARTITION BY region_id ORDER BY n DESC, abs(step), step DESC) AS place FROM strides)
        SELECT region_id, place, step, n FROM ranked WHERE place <= 3 AND n * 100 >= every
        """,
        Report.Locality.SelectMany(row => row.Strides.Select((stride, i) => new object[] { row.Id, i + 1, stride.Pages, stride.Steps })));

    [Fact]
    public void Refaults() => SameUnlessSample(
        """
        WITH numbered AS (SELECT *, row_number() OVER (PARTITION BY pid ORDER BY place) AS fault FROM rows),
            distances AS (
                SELECT *, fault - lag(fault) OVER same_page - 1 AS distance, first_value(tid) OVER same_page AS toucher
                FROM numbered WHERE region_id > 0 WINDOW same_page AS (PARTITION BY region_id, page ORDER BY place))
        SELECT region_id, count(*), count(distance), coalesce(quantile_disc(distance, 0.5), -1), coalesce(quantile_disc(distance, 0.9), -1),
            count(DISTINCT page) FILTER (tid <> toucher), count(*) FILTER (tid <> toucher)
        FROM distances GROUP BY region_id
        """,
        Report.Locality.Select(row => new object[]
        {
            row.Id, row.Faults, row.Refaults, new Approximate(row.DistanceP50 ?? -1), new Approximate(row.DistanceP90 ?? -1), row.SharedPages,
            row.ForeignRefaults,
        }));

    private void SameUnlessSample(string sql, IEnumerable<object[]> rows)
    {
        if (Report.Sample is null)
            Same(sql, rows);
        else
            Assert.Empty(rows);
    }
}
