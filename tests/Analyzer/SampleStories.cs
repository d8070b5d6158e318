using System.Text.Json;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class SampleStories
{
    private static readonly Fault[] Faults =
    [
        new(0x10000) { Weight = 16 }, new(0x10008, DurationNs: 2000) { Weight = 16 }, new(0x11000) { Weight = 16 },
        new(0x20000, 2, 250_000, Major: true) { Weight = 16 },
    ];

    [Fact]
    public void TheFirstScreenSaysWhichCountsAreEstimates()
    {
        // The receipt knows better than the weights: 4 rows and 58 left out are 62 faults, not 64; 1 and 11 are 12 major ones.
        Assert.Equal(
            """
            trace.parquet: app --work
            recorded 2026-01-02 03:04:05 UTC on box, Linux 6.18.0 x86_64, backend tracepoint, for 1.50 s
            complete: 4 faults captured, 0 lost; 58 (11 major) left out by sampling; the program exited with
            status 0
            sampled 1 in 16: 4 of 62 faults are recorded. The totals of faults and of major faults are exact,
            other counts are estimates (1,000 means 1,000 ± 122, the standard error of a random sample);
            distinct pages are a lower bound, and repeats are not known.

            75 % of the faults (about 48) are in [anon] 0x10000-0x14000 (16.0 KiB) of app (pid 10), on at least
            2 distinct pages. 12 were major and took about 4.00 ms, 98 % of the time; /lib/a.so had the most of
            those recorded. In all about 4.06 ms went into the fault handler, 1.00 µs at the median.

            62 faults: 50 minor, 12 major, 0 failed; at least 3 distinct pages
            about 4.06 ms in faults in 1.50 s: at an average moment <0.01 threads were in the fault handler; 0.3
            % of the life of 1 thread

            kinds
              kind    faults share major     p50    p99    time they are
              unknown     64 100 %    16 1.00 µs 250 µs 4.06 ms faults of unknown kind
            the file is older than page-table facts, so kinds are unknown; minor, major and failed are right

            severities
              severity faults share     p50     p90     p99     max    time
              minor        50  81 % 1.00 µs 2.00 µs 2.00 µs 2.00 µs 64.0 µs
              major        12  19 %  250 µs  250 µs  250 µs  250 µs 4.00 ms

            worst faults
                at    took tid comm kind    address region
              0 ns  250 µs  10 app  unknown 0x20000 /lib/a.so
              0 ns 2.00 µs  10 app  unknown 0x10008 [anon]
              0 ns 1.00 µs  10 app  unknown 0x10000 [anon]
              0 ns 1.00 µs  10 app  unknown 0x11000 [anon]
            where their time went was not traced: record with --why

            regions
              id region        size faults major ≥distinct density ≥cover     p50     p99
               1 [anon]    16.0 KiB     48     0         2   12.00   50 % 1.00 µs 2.00 µs
              10000-14000 █               ▄
               2 /lib/a.so  8.0 KiB     16    16         1    8.00   50 %  250 µs  250 µs
              20000-22000 █

            processes
              pid comm threads faults major    time
               10 app        1     64    16 4.06 ms

            files
              file      regions faults major    p50    p99
              /lib/a.so       1     16    16 250 µs 250 µs

            comms
              comm threads faults major    time
              app        1     64    16 4.06 ms

            """,
            TextReportTests.Text(Story.Report(Sampled(58, 11), Faults)));
    }

    [Fact]
    public void AFilterLeavesNothingButEstimates()
    {
        // The receipt counts the whole recording: of a part nobody knows how many were left out.
        var report = Story.Report(Sampled(58, 11), [new(0x20000, 2) { Weight = 3 }, .. Faults], new FaultFilter { Regions = ["anon"] });

        var text = TextReportTests.Text(report, "kind");

        Assert.Equal((48, 48, 3), (report.Totals.Counts.Faults, report.Sample!.Faults, report.Sample.Rows));
        Assert.Contains("\nsampled 1 in 16: 3 of about 48 faults are recorded. Counts are estimates (1,000 means", text, StringComparison.Ordinal);
        Assert.Contains("\nfilter: --region anon (about 48 of 63 faults)\n", text, StringComparison.Ordinal);
        Assert.Contains("\nabout 48 faults: 48 minor, 0 major, 0 failed; at least 2 distinct pages\n", text, StringComparison.Ordinal);
        Assert.Contains("None of the recorded ones was major.", text, StringComparison.Ordinal);
    }

    [Fact]
    public void JsonMarksEstimatesAndHasNullForWhatASampleCannotKnow()
    {
        using var json = JsonDocument.Parse(FormatTests.Json(Story.Report(Sampled(58, 11), Faults)));
        var (root, totals, region) = (json.RootElement, json.RootElement.GetProperty("totals"), json.RootElement.GetProperty("regions")[0]);

        Assert.Equal("""{"every":16,"max_rate_per_s":null,"rate_limited":false}""", root.GetProperty("sampling").GetRawText());
        Assert.Equal((58, 11),
            (root.GetProperty("capture").GetProperty("sampled_out").GetInt32(), root.GetProperty("capture").GetProperty("sampled_out_major").GetInt32()));
        Assert.Equal(
            (62, 50, 12, 4, true, true),
            (totals.GetProperty("faults").GetInt32(), totals.GetProperty("minor").GetInt32(), totals.GetProperty("major").GetInt32(),
                totals.GetProperty("recorded").GetInt32(), totals.GetProperty("estimated").GetBoolean(), totals.GetProperty("counts_exact").GetBoolean()));
        Assert.Equal((48, 12.0, 2),
            (region.GetProperty("faults").GetInt32(), region.GetProperty("density").GetDouble(), region.GetProperty("distinct_pages").GetInt32()));
        Assert.Equal(JsonValueKind.Null, region.GetProperty("refaults").ValueKind);
        Assert.Equal(48, region.GetProperty("heat").EnumerateArray().Sum(bucket => bucket.GetInt32()));
    }

    [Fact]
    public void ALimitOfTheRateThatWasNeverReachedLeavesAWholeRecording()
    {
        var metadata = Story.Metadata(Story.TwoRegions);
        Fault[] whole = [.. Faults.Select(fault => fault with { Weight = 1 })];

        Assert.Equal(
            TextReportTests.Text(Story.Report(metadata, whole)),
            TextReportTests.Text(Story.Report(metadata with { Sampling = new Sampling(1, 100_000, false) }, whole)));
    }

    [Theory]
    [InlineData(16, null, false, "sampled 1 in 16")]
    [InlineData(16, 5000L, false, "sampled 1 in 16")]
    [InlineData(16, 5000L, true, "sampled 1 in 16, fewer above 5,000 faults/s")]
    [InlineData(1, 5000L, true, "sampled above 5,000 faults/s")]
    public void TheWayOfSampling(int every, long? maxRate, bool limited, string words)
        => Assert.Equal(words, SampleText.Way(new Sampling(every, maxRate, limited)));

    /// <summary>A count of a thousand samples of known size scatters as the report says.</summary>
    [Fact]
    public void TheStandardErrorIsThatOfRandomSamples()
    {
        const int faults = 2000, samples = 1000;
        var random = new Random(3);
        double squares = 0, claimed = 0;
        for (var i = 0; i < samples; i++)
        {
            // Half of the faults one in 16, half (a limited rate) one in 64.
            var aggregate = new SampleAggregate();
            var weights = Enumerable.Range(0, faults).Select(fault => fault % 2 == 0 ? 16 : 64).Where(weight => random.Next(weight) == 0).ToArray();
            aggregate.Add(Story.Batch([]), new Verdicts(new Severity[weights.Length], []), new SampledWeights(weights));
            var facts = SampleFacts.Of(Sampled(0, 0), aggregate, FaultFilter.None)!;
            squares += Math.Pow(facts.Faults - faults, 2) / samples;
            claimed += facts.StandardErrorOf(facts.Faults) / samples;
        }

        Assert.InRange(claimed / Math.Sqrt(squares), 0.9, 1.1);
    }

    private static TraceMetadata Sampled(long sampledOut, long sampledOutMajor)
    {
        var metadata = Story.Metadata(Story.TwoRegions) with { Sampling = new Sampling(16, null, false) };
        return metadata with { Receipt = metadata.Receipt with { SampledOut = sampledOut, SampledOutMajor = sampledOutMajor } };
    }
}
