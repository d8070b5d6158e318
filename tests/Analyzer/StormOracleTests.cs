using Xunit;

namespace Faultrec.Analyzer.Tests;

public sealed class StormOracleTests() : StormOracle(isSample: false);

public sealed class SampledStormOracleTests() : StormOracle(isSample: true);

/// <summary>The table of storms once more in SQL, on a trace that is quiet but for some bursts of faults and some of long ones.</summary>
public abstract class StormOracle(bool isSample) : DuckDbTest(RandomTrace.Metadata(isSample) with { DurationNs = EndNs }, Faults(isSample))
{
    private const long EndNs = 3_000_000_000;

    [Fact]
    public void Storms()
    {
        Assert.True(Report.Storms.Count > 5);
        Assert.Contains(Report.Storms, storm => storm.LengthNs > 10_000_000);
        if (Report.Sample is null)
        {
            Assert.Equal([(false, true), (true, false)],
                Report.Storms.Select(storm => (storm.ByFaults, storm.ByTime)).Where(why => why.ByFaults != why.ByTime).Distinct().Order());
        }

        Same(
            $"""
            WITH windows AS (SELECT time_ns // 10000000 AS slot, count(*) AS n, coalesce(sum(duration_ns), 0) AS ns FROM faults GROUP BY 1),
                usual AS (SELECT quantile_disc(n, 0.5) AS n, quantile_disc(ns, 0.5) AS ns FROM windows),
                burst AS (
                    SELECT slot, windows.n, windows.n >= greatest(100, 8 * usual.n) AS by_faults, windows.ns >= greatest(1000000, 8 * usual.ns) AS by_time
                    FROM windows, usual WHERE by_faults OR by_time),
                numbered AS (SELECT *, slot - row_number() OVER (ORDER BY slot) AS storm FROM burst),
                placed AS (SELECT storm, faults.* FROM faults JOIN numbered ON slot = time_ns // 10000000),
                top AS (
                    SELECT storm,
                        (SELECT (pid, comm, count(*)) FROM placed AS p WHERE p.storm = s.storm GROUP BY pid, comm ORDER BY count(*) DESC, pid, comm LIMIT 1) AS task,
                        (SELECT (region_id, count(*)) FROM placed AS p WHERE p.storm = s.storm GROUP BY region_id ORDER BY count(*) DESC, region_id LIMIT 1) AS region
                    FROM (SELECT DISTINCT storm FROM numbered) AS s)
            SELECT min(slot) * 10000000 AS from_ns, count(*) * 10000000, any_value(task[3]), bool_or(by_faults)::INT, bool_or(by_time)::INT, max(n) * 100,
                (SELECT count(*) FROM placed WHERE placed.storm = numbered.storm), (SELECT coalesce(sum(duration_ns), 0) FROM placed WHERE placed.storm = numbered.storm),
                any_value(task[1]), any_value(task[2]), any_value(region[1]), any_value(region[2])
            FROM numbered JOIN top USING (storm) GROUP BY storm
            """,
            Report.Storms.Select(row => new object[]
            {
                row.FromNs, row.LengthNs, row.Task.Faults, row.ByFaults ? 1 : 0, row.ByTime ? 1 : 0, row.PeakPerSecond,
                row.Counts.Faults, row.Counts.DurationNs,
                row.Task.Name.Pid, row.Task.Name.Comm, row.Region.Name.Id, row.Region.Faults,
            }));
    }

    private static Fault[] Faults(bool isSample)
    {
        var faults = RandomTrace.Faults(RandomTrace.Metadata(isSample), 20_000, seed: 12);
        var random = new Random(13);
        var (time, left, step, isLong) = (0L, 0, 0, false);
        for (var i = 0; i < faults.Length; i++)
        {
            if (left-- == 0)
            {
                // A quiet stretch of faults half a millisecond apart, a burst of many, or one of few that take long.
                var phase = random.Next(6);
                (left, step, isLong) = phase switch
                {
                    0 => (random.Next(800, 3000), random.Next(2_000, 20_000), false),
                    1 => (random.Next(10, 40), 1_000_000, true),
                    _ => (random.Next(50, 250), 1_000_000, false),
                };
            }

            faults[i] = faults[i] with
            {
                TimeNs = time = Math.Min(time + random.Next(step), EndNs - 1),
                DurationNs = faults[i].DurationNs is null ? null : isLong ? random.Next(500_000, 9_000_000) : random.Next(500, 3_000),
            };
        }

        return faults;
    }
}
