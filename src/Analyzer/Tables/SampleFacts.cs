using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <summary>What a report on a sampled trace must say about its figures.</summary>
/// <param name="Sampling">How the recorder chose.</param>
/// <param name="Rows">Recorded faults in this report.</param>
/// <param name="Faults">Faults that these rows stand for, an estimate: the sum of their weights.</param>
/// <param name="WeightRatio">Sum of the squared weights over the sum of the weights: N when every row stands for N.</param>
/// <param name="CountsExact">The receipt counts what was left out, so the totals of faults and major faults are exact.</param>
internal sealed record SampleFacts(Sampling Sampling, long Rows, long Faults, double WeightRatio, bool CountsExact)
{
    /// <summary>
    /// Standard error of an estimated count if the sample is as good as random: each fault taken with probability 1/w adds w(w − 1) to the
    /// variance (Horvitz and Thompson's estimator).
    /// </summary>
    public double StandardErrorOf(double count) => Math.Sqrt(Math.Max(WeightRatio - 1, 0) * count);

    internal static SampleFacts? Of(TraceMetadata metadata, SampleAggregate? sample, FaultFilter filter)
        => sample is null
            ? null
            : new SampleFacts(
                metadata.Sampling!,
                sample.Rows,
                sample.Faults,
                sample.Faults == 0 ? 1 : sample.SquaredWeights / sample.Faults,
                filter.IsEmpty && sample.Rows == metadata.Receipt.Events && metadata.Receipt.SampledOut > 0);
}

/// <summary>Sentences about a sample.</summary>
internal static class SampleText
{
    private const int ErrorExample = 1000;

    /// <summary>"sampled 1 in 16: …"</summary>
    public static string Describe(SampleFacts sample, Totals totals)
    {
        var recorded = $"{Units.Count(sample.Rows)} of {(sample.CountsExact ? "" : "about ")}{Units.Of(totals.Counts.Faults, "fault")} "
            + $"{(sample.Rows == 1 ? "is" : "are")} recorded";
        var exact = sample.CountsExact ? "The totals of faults and of major faults are exact, other counts are estimates" : "Counts are estimates";
        var error = $"{Units.Count(ErrorExample)} means {Units.Count(ErrorExample)} ± {Units.Count((long)Math.Round(sample.StandardErrorOf(ErrorExample)))}, "
            + "the standard error of a random sample";
        return $"{Way(sample.Sampling)}: {recorded}. {exact} ({error}); distinct pages are a lower bound, and repeats are not known.";
    }

    /// <summary>How faults were chosen: "sampled 1 in 16", "sampled above 200,000 faults/s".</summary>
    public static string Way(Sampling sampling)
    {
        var limit = sampling is { RateLimited: true, MaxRatePerSecond: { } rate } ? $"above {Units.Count(rate)} faults/s" : null;
        return sampling.Every > 1
            ? $"sampled 1 in {Units.Count(sampling.Every)}{(limit is null ? "" : $", fewer {limit}")}"
            : $"sampled{(limit is null ? "" : $" {limit}")}";
    }
}
