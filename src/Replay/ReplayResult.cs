using Faultrec.Traces.Metadata;

namespace Faultrec.Replay;

/// <summary>What was recorded and what came of it, in one replay.</summary>
public sealed record ReplayResult
{
    public required string Path { get; init; }

    public required TraceMetadata Metadata { get; init; }

    public required ReplayOptions Options { get; init; }

    internal IReadOnlyList<Bucket> Buckets { get; init; } = [];

    /// <summary>Faults that were not replayed, by the reason in words.</summary>
    public required IReadOnlyList<(string Key, string Description, long Faults)> Skipped { get; init; }

    /// <summary>What else the figures do not say by themselves.</summary>
    public required IReadOnlyList<string> Notes { get; init; }

    public required int Threads { get; init; }

    /// <summary>From the first recorded fault's start to the last one's.</summary>
    public required long RecordedSpanNs { get; init; }

    /// <summary>From the first touch to the end of the last.</summary>
    public required long ElapsedNs { get; init; }

    /// <summary>In mapping pages ahead of their faults, which a <see cref="ReplayChange"/> asks for; in no touch.</summary>
    public required long FillNs { get; init; }

    /// <summary>The most memory that each process had resident, added up; pages of several processes count in each, and the replay's rings count.</summary>
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

    /// <summary>Share of the recorded faults that came back in their region and with their severity; 1 where there are none.</summary>
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
