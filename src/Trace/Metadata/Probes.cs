using System.Text.Json.Serialization;
using Faultrec.Traces.Columns;

namespace Faultrec.Traces.Metadata;

/// <summary>A backend that was tried.</summary>
/// <param name="Backend">Its name.</param>
/// <param name="Reason">Why it could not be used; null for the one that was.</param>
public sealed record LadderStep([property: JsonRequired] string Backend, string? Reason)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("backend", RedactionRule.Keep),
        new("reason", RedactionRule.Keep),
    ];
}

/// <summary>A kernel function that `--handlers` was to probe.</summary>
/// <param name="Function">Its name, as in /proc/kallsyms.</param>
/// <param name="Reason">Why it could not be probed; null if it was.</param>
public sealed record HandlerProbe([property: JsonRequired] string Function, [property: JsonPropertyName("refusal")] string? Reason)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("function", RedactionRule.Keep),
        new("refusal", RedactionRule.Keep),
    ];
}

/// <summary>How faults were sampled; <see cref="FaultBatch.Weight"/> says how many faults a row stands for.</summary>
/// <param name="Every">One fault in this many was recorded, before any limit of the rate; 1 if only the limit left faults out.</param>
/// <param name="MaxRatePerSecond">Faults per second above which fewer were recorded; null if there was no limit.</param>
/// <param name="RateLimited">True if the limit was reached.</param>
public sealed record Sampling(
    int Every, [property: JsonPropertyName("max_rate_per_s")] long? MaxRatePerSecond, bool RateLimited)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("every", RedactionRule.Keep),
        new("max_rate_per_s", RedactionRule.Keep),
        new("rate_limited", RedactionRule.Keep),
    ];
}
