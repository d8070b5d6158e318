using Faultrec.Traces.Metadata;

namespace Faultrec.Replay;

/// <summary>Result of one replay: what was recorded and what came back.</summary>
public sealed record ReplayResult
{
    public required string Path { get; init; }

    public required TraceMetadata Metadata { get; init; }

    public required ReplayOptions Options { get; init; }

    internal IReadOnlyList<Bucket> Buckets { get; init; } = [];

    /// <summary>Faults that were not replayed, by the reason in words.</summary>
    public required IReadOnlyList<(string Key, string Description, long Faults)> Skipped { get; init; }

    /// <summary>Further facts that the figures do not show.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    public required int Threads { get; init; }

    /// <summary>From the first recorded fault's start to the last one's.</summary>
    public required long RecordedSpanNs { get; init; }

    /// <summary>From the first touch to the end of the last.</summary>
    public required long ElapsedNs { get; init; }

    /// <summary>Time for mapping pages ahead of their faults because of a <see cref="ReplayChange"/>; not part of any touch.</summary>
    public required long FillNs { get; init; }

    /// <summary>Sum of each process's peak resident memory; pages of several processes count in each, and the replay's rings count, too.</summary>
    public required long ResidentBytes { get; init; }

    public required double? RankCorrelation { get; init; }

    public required int OrderSamples { get; init; }

    public required long? LateP50Ns { get; init; }

    public required long? LateP99Ns { get; init; }

    public required double? GapError { get; init; }

    public long Recorded => Buckets.Sum(bucket => bucket.Recorded);

    /// <summary>Of all touches together.</summary>
    public long TouchNs => Comparison.Of(Buckets).ReplayedSumNs;

    public long Replayed => Buckets.Sum(bucket => bucket.Replayed);

    /// <summary>Share of the recorded faults that came back in their region and with their severity; 1 if there are none.</summary>
    public double Fidelity
    {
        get
        {
            var all = Recorded + Skipped.Where(skip => skip.Key != "scaled").Sum(skip => skip.Faults);
            return all == 0 ? 1 : Buckets.Sum(bucket => bucket.Matched) / (double)all;
        }
    }

    public double FaultsPerSecond => ElapsedNs > 0 ? Replayed * 1e9 / ElapsedNs : 0;
}
