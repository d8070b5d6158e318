using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Measures;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class SeverityStories
{
    private static readonly Dictionary<string, long> ResultNames = new() { ["VM_FAULT_OOM"] = 1, ["VM_FAULT_SIGBUS"] = 2, ["VM_FAULT_MAJOR"] = 4 };

    [Fact]
    public void ASignalMakesAFailedFaultEvenWhenItWasMajor()
    {
        var report = Story.Report(Story.Metadata(Story.TwoRegions), [new(0x10000), new(0x11000, Major: true), new(0x20000, 2, Major: true, Signal: 7)]);

        Assert.Equal((1, 1, 1), (report.Totals.Counts.Minor, report.Totals.Counts.Major, report.Totals.Counts.Failed));
        Assert.Equal([Severity.Minor, Severity.Major, Severity.Failed], report.Severities.Select(row => row.Severity));
    }

    [Fact]
    public void AnErrorBitOfTheResultMakesAFailedFaultWhenTheTraceNamesTheBits()
    {
        // Bit 2 is SIGBUS in this trace; bit 4 is MAJOR, no error.
        Fault[] faults = [new(0x10000) { FaultResult = 2 }, new(0x11000, Major: true) { FaultResult = 4 }, new(0x12000) { FaultResult = 0 }, new(0x13000)];
        var named = Story.Report(Story.Metadata(Story.TwoRegions) with { FaultResultNames = ResultNames }, faults);
        var unnamed = Story.Report(Story.Metadata(Story.TwoRegions), faults);

        Assert.Equal((2, 1, 1), (named.Totals.Counts.Minor, named.Totals.Counts.Major, named.Totals.Counts.Failed));
        Assert.Equal((3, 1, 0), (unnamed.Totals.Counts.Minor, unnamed.Totals.Counts.Major, unnamed.Totals.Counts.Failed));
    }

    [Fact]
    public void WithoutDurationsTheLatencyIsNullNotZero()
    {
        var report = Story.Report(Story.Metadata(Story.TwoRegions), [new(0x10000, DurationNs: null)]);

        Assert.Equal(new LatencySummary(0, null, null, null, null, null, null), report.Totals.Latency);
    }
}
