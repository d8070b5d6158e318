using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

internal static class SampleRule
{
    /// <summary>Rows stand for more than one fault. A recording whose rate limit was never reached is not a sample.</summary>
    public static bool IsSample(TraceMetadata metadata)
        => metadata.Sampling is { } sampling && (sampling.Every > 1 || sampling.RateLimited || metadata.Receipt.SampledOut > 0);
}
