using System.Globalization;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces.Files;

namespace Faultrec.Query.Tests;

public sealed class WholeReportTests() : ReportTests(isSample: false);

public sealed class SampledReportTests() : ReportTests(isSample: true);

/// <summary>What SQL sums over the views is what the report says.</summary>
public abstract class ReportTests : IDisposable
{
    private readonly TemporaryTrace _file;
    private readonly FaultReport _report;

    protected ReportTests(bool isSample)
    {
        var metadata = RandomTrace.Metadata(isSample);
        _file = new TemporaryTrace(metadata, RandomTrace.Faults(metadata, 20_000, seed: 11), 3_000);
        using var reader = TraceReader.Open(_file.Path);
        _report = ReportBuilder.Build(reader, FaultFilter.None, ReportTables.All);
    }

    public void Dispose()
    {
        _file.Dispose();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public void Kinds() => Same(
        "SELECT kind, sum(weight), sum(weight) FILTER (severity = 'major'), sum(weight * duration_ns) FROM faults GROUP BY kind",
        _report.Kinds.Select(row => (object?[])[row.Kind.Name(), row.Counts.Faults, row.Counts.Major == 0 ? null : row.Counts.Major, row.Latency.SumNs]));

    [Fact]
    public void KindsByComm() => Same(
        "SELECT comm, kind, sum(weight), sum(weight) FILTER (severity = 'major'), sum(weight * duration_ns) FROM faults GROUP BY comm, kind",
        _report.Rows(CommKindTable.Definition)
            .Select(row => (object?[])[row.Comm, row.Kind.Name(), row.Counts.Faults, row.Counts.Major == 0 ? null : row.Counts.Major, row.Latency.SumNs]));

    [Fact]
    public void Regions() => Same(
        """
        SELECT r.region_id, r.name, r.kind, r.pages, sum(weight), count(DISTINCT address // 4096)
        FROM faults f JOIN regions r USING (trace, region_id) GROUP BY ALL
        """,
        _report.Regions.Where(row => row.Id != 0)
            .Select(row => (object?[])[row.Id, RegionNames.Of(row.Region), RegionNames.KindOf(row.Region), row.Pages, row.Counts.Faults, row.DistinctPages]));

    [Fact]
    public void Processes() => Same(
        "SELECT pid, count(DISTINCT tid), sum(weight), sum(weight) FILTER (severity = 'failed') FROM faults GROUP BY pid",
        _report.Processes.Select(row => (object?[])[row.Pid, row.Threads, row.Counts.Faults, row.Counts.Failed]));

    private void Same(string sql, IEnumerable<object?[]> rows)
    {
        var expected = rows.Select(row => string.Join('|', row.Select(value => Convert.ToString(value, CultureInfo.InvariantCulture))))
            .Order(StringComparer.Ordinal).ToList();
        Assert.NotEmpty(expected);
        Assert.Equal(expected, Asked.Rows(sql, _file.Path).Select(row => string.Join('|', row)).Order(StringComparer.Ordinal));
    }
}
