using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Simulate;
using Faultrec.Traces.Files;

namespace Faultrec.Replay.Tests;

/// <summary>What `simulate` says of the recordings of fixtures/traces is what a replay then measures, within one in twenty.</summary>
public sealed class PredictionTests
{
    // Of few faults one in twenty is less than what an old recording leaves to guess: which of them were writes to pages read before.
    private const long Slack = 6;

    public static TheoryData<string> Traces => FixtureTests.Traces;

    [Theory]
    [MemberData(nameof(Traces))]
    public void HugePages(string name)
    {
        Replaying.SkipWithoutHugePages();
        Agree(name, Scenario.Thp, new ReplayChange { HugePages = static _ => true });
    }

    [Theory]
    [MemberData(nameof(Traces))]
    public void Populated(string name) => Agree(name, Scenario.Populate, new ReplayChange { Populated = static _ => true });

    private static void Agree(string name, Scenario scenario, ReplayChange change)
    {
        using var reader = TraceReader.Open(Path.Combine(AppContext.BaseDirectory, "traces", name + ".parquet"));
        var predicted = Simulation.Run(reader, FaultFilter.None).Total.Of(scenario).Faults;

        var result = TraceReplay.Run(reader, Replaying.AtOnce with { Change = change }, TestContext.Current.CancellationToken);

        // What is not replayed stays in the prediction.
        var measured = result.Replayed + result.Skipped.Sum(skip => skip.Faults);
        Assert.True(Math.Abs(predicted - measured) <= Math.Max(measured / 20, Slack), $"predicted {predicted}, measured {measured} of {result.Recorded}");
    }
}
