using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Simulate;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Query.Tests;

/// <summary>Kinds and severities in SQL are the Analyzer's, fault by fault.</summary>
public sealed class VerdictTests
{
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    public void EveryFaultHasTheAnalyzersVerdict(int seed, bool isSample)
    {
        var metadata = RandomTrace.Metadata(isSample);
        using var file = new TemporaryTrace(metadata, RandomTrace.Faults(metadata, 20_000, seed), 3_000);

        Assert.Equal(Expected(file.Path), Actual("SELECT kind, severity FROM faults", file.Path));
    }

    // Their rules look at different columns and at different bits of them.
    [Fact]
    public void EachTraceOfSeveralIsJudgedByItsOwnMetadata()
    {
        var plain = RandomTrace.Metadata();
        TraceMetadata[] all =
        [
            plain,
            plain with { Backend = Backend.Fexit, FaultResultNames = new Dictionary<string, long> { ["VM_FAULT_OOM"] = 4 } },
            plain with { PageTable = null },
            plain with { Arch = "aarch64", FaultResultNames = new Dictionary<string, long>() },
        ];
        var files = all.Select((metadata, i) => new TemporaryTrace(metadata, RandomTrace.Faults(metadata, 5_000, i), 700)).ToArray();
        try
        {
            var expected = files.SelectMany(file => Expected(file.Path)).ToList();

            var actual = Actual("SELECT kind, severity FROM faults ORDER BY trace, time_ns", [.. files.Select(file => file.Path)]);

            var byTrace = files.OrderBy(file => file.Path, StringComparer.Ordinal).SelectMany(file => Expected(file.Path));
            Assert.Equal(byTrace.Order(), actual.Order());
            Assert.Equal(expected.Count, actual.Count);
            var different = files.Select(file
                => string.Join(' ', Expected(file.Path).GroupBy(pair => pair).Select(group => $"{group.Key}{group.Count()}").Order())).Distinct();
            Assert.Equal(4, different.Count());
        }
        finally
        {
            Array.ForEach(files, file => file.Dispose());
        }
    }

    [Fact]
    public void AFilterOnTheKindFindsThem()
    {
        var metadata = RandomTrace.Metadata();
        using var file = new TemporaryTrace(metadata, RandomTrace.Faults(metadata, 20_000, 5), 3_000);
        var expected = Expected(file.Path).GroupBy(verdict => verdict.Kind).ToDictionary(group => group.Key, group => group.Count());
        Assert.True(expected.Count > 10, $"only {expected.Count} kinds in the random trace");

        foreach (var (kind, count) in expected)
            Assert.Equal([(count.ToString(), "x")], Actual($"SELECT count(*), 'x' FROM faults WHERE kind = '{kind}'", file.Path));
    }

    private static List<(string Kind, string Severity)> Expected(string path)
    {
        using var reader = TraceReader.Open(path);
        var classifier = new FaultClassifier(reader.Metadata);
        var verdicts = new List<(string, string)>();
        for (var group = 0; group < reader.RowGroups.Count; group++)
        {
            var batch = new FaultBatch(reader.RowGroups[group].Rows);
            reader.ReadRowGroup(group, FaultColumns.All, batch);
            classifier.Classify(batch);
            for (var row = 0; row < batch.Count; row++)
                verdicts.Add((classifier.Verdicts.Kinds[row].Name(), classifier.Verdicts.Severities[row].Name()));
        }

        return verdicts;
    }

    private static List<(string, string)> Actual(string sql, params string[] paths)
        => [.. Asked.Rows(sql, paths).Select(row => (row[0]!, row[1]!))];
}
