namespace Faultrec.Analyzer.Compare;

/// <summary>A verdict on a difference, given the differences between traces of the same side.</summary>
internal enum Verdict
{
    /// <summary>Every trace of both sides has the same value.</summary>
    Same,

    /// <summary>The ranges of the two sides have a value in common.</summary>
    WithinNoise,

    /// <summary>Every trace of one side has more than every trace of the other.</summary>
    Differs,

    /// <summary>A side has one trace, which says nothing of the noise, or no value.</summary>
    Unknown,
}

/// <summary>Names of <see cref="Verdict"/> as every format spells them.</summary>
internal static class VerdictNames
{
    public static string Name(this Verdict verdict) => verdict switch
    {
        Verdict.Same => "same",
        Verdict.WithinNoise => "within noise",
        Verdict.Differs => "differs",
        _ => "unknown",
    };
}

/// <summary>One figure in the traces of one side.</summary>
/// <param name="Values">In the order of the traces; at least one.</param>
internal sealed record Spread(IReadOnlyList<long> Values)
{
    public long Min { get; } = Values.Min();

    public long Max { get; } = Values.Max();

    /// <summary>Nearest rank, as for all percentiles here: for an even number of values the lower of the two in the middle.</summary>
    public long Median { get; } = Values.Order().ElementAt((Values.Count - 1) / 2);

    /// <summary>Largest distance of a value from the median, as a share of the median; null if the median is 0.</summary>
    public double? Deviation => Median == 0 ? null : (double)Math.Max(Max - Median, Median - Min) / Median;

    /// <summary>Null where a trace has no value.</summary>
    public static Spread? Of(IEnumerable<long?> values)
    {
        var known = new List<long>();
        foreach (var value in values)
        {
            if (value is not { } number)
                return null;
            known.Add(number);
        }

        return new Spread(known);
    }

    public static Verdict Judge(Spread? before, Spread? after)
    {
        if (before is null || after is null)
            return Verdict.Unknown;
        if (before.Min == after.Max && before.Max == after.Min)
            return Verdict.Same;
        if (before.Values.Count == 1 || after.Values.Count == 1)
            return Verdict.Unknown;
        return before.Min <= after.Max && after.Min <= before.Max ? Verdict.WithinNoise : Verdict.Differs;
    }
}
