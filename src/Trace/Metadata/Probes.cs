using System.Text.Json.Serialization;
using Faultrec.Traces.Columns;

namespace Faultrec.Traces.Metadata;

/// <param name="Reason">Null for the backend that was taken; otherwise why it could not be.</param>
public sealed record LadderStep([property: JsonRequired] string Backend, string? Reason)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("backend", RedactionRule.Keep),
        new("reason", RedactionRule.Keep),
    ];
}

/// <param name="Function">Kernel function, as in /proc/kallsyms.</param>
/// <param name="Refusal">Null: it was probed; otherwise why it could not be.</param>
public sealed record HandlerProbe([property: JsonRequired] string Function, string? Refusal)
{
    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("function", RedactionRule.Keep),
        new("refusal", RedactionRule.Keep),
    ];
}

/// <summary>Not every fault has a row; <see cref="FaultBatch.Weight"/> says how many a row stands for.</summary>
/// <param name="Every">One fault in so many was taken, before any limit of the rate; 1 where only the limit thinned them.</param>
/// <param name="MaxRatePerSecond">Faults a second above which the recorder took fewer; null: no limit.</param>
/// <param name="RateLimited">That limit was reached.</param>
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
