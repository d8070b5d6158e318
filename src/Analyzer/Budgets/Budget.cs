using System.Globalization;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Budgets;

/// <summary>What a budget limits.</summary>
internal enum BudgetMeasure
{
    Faults,
    Major,
    Failed,
    DistinctPages,
    FaultTimeNs,

    /// <summary>Of the whole trace: of each process. Of a part: of all processes together.</summary>
    ResidentBytes,
    GrownBytes,

    /// <summary>The only measure with a lower limit; it applies only to the whole trace.</summary>
    HugeShare,
}

/// <summary>What <see cref="BudgetMeasure"/> is of.</summary>
internal static class BudgetMeasures
{
    public static bool IsOfMemory(this BudgetMeasure measure) => measure is BudgetMeasure.ResidentBytes or BudgetMeasure.GrownBytes;

    /// <summary>Counts of faults, or their time: what lines of code and kinds have.</summary>
    public static bool IsOfFaults(this BudgetMeasure measure)
        => measure is BudgetMeasure.Faults or BudgetMeasure.Major or BudgetMeasure.Failed or BudgetMeasure.FaultTimeNs;

    /// <param name="measure">One of faults.</param>
    public static long Of(this BudgetMeasure measure, in FaultCounts counts) => measure switch
    {
        BudgetMeasure.Faults => counts.Faults,
        BudgetMeasure.Major => counts.Major,
        BudgetMeasure.Failed => counts.Failed,
        BudgetMeasure.FaultTimeNs => counts.DurationNs,
        _ => throw new ArgumentOutOfRangeException(nameof(measure), measure, "no measure of faults"),
    };
}

/// <summary>One limit that a recording must keep.</summary>
/// <param name="Name">As on the command line, without dashes: "max-faults".</param>
/// <param name="Region">Part of the names of the regions that it limits; null: the whole trace.</param>
/// <param name="Limit">Faults, pages, ns, bytes, or a share of one; the limit itself is allowed. Of a relative budget without a baseline yet: none.</param>
/// <param name="Code">Part of the names of the lines of code that it limits, as `report --by resident` has them; null, as of the region: all code.</param>
/// <param name="Kind">The kind of the faults that it limits; null: all.</param>
internal sealed record Budget(string Name, BudgetMeasure Measure, string? Region, double Limit, string? Code = null, FaultKind? Kind = null)
{
    /// <summary>Of a relative budget: the share by which the figure may be above that of a baseline; null: the limit is a number.</summary>
    public double? Increase { get; init; }

    /// <summary>The figures that the limit was made from; null: it was given.</summary>
    public Baseline? Baseline { get; init; }

    /// <summary>"max-faults", "region [heap]:max-faults".</summary>
    public string Title
        => Region is not null ? $"{BudgetText.RegionName} {Region}:{Name}"
            : Code is not null ? $"{BudgetText.CodeName} {Code}:{Name}"
            : Kind is { } kind ? $"{BudgetText.KindName} {kind.Name()}:{Name}"
            : Name;

    /// <summary>Whether it limits resident memory.</summary>
    public bool IsOfMemory => Measure.IsOfMemory();

    public bool IsKeptBy(double found) => Measure == BudgetMeasure.HugeShare ? found >= Limit : found <= Limit;

    /// <summary>A figure of this budget as people read it.</summary>
    /// <param name="exactly">All its digits.</param>
    public string Format(double value, bool exactly = false) => Measure switch
    {
        BudgetMeasure.FaultTimeNs when exactly => string.Create(CultureInfo.InvariantCulture, $"{value:N0} ns"),
        BudgetMeasure.HugeShare when exactly => value.ToString("R", CultureInfo.InvariantCulture),
        BudgetMeasure.ResidentBytes or BudgetMeasure.GrownBytes
            => exactly ? string.Create(CultureInfo.InvariantCulture, $"{value:N0} B") : Units.Bytes((long)value),
        _ when exactly => value.ToString("N0", CultureInfo.InvariantCulture),
        BudgetMeasure.FaultTimeNs => Units.Duration((long)value),
        BudgetMeasure.HugeShare => value.ToString("0.####", CultureInfo.InvariantCulture),
        _ => Units.Count((long)value),
    };
}
