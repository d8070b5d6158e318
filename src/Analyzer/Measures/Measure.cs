namespace Faultrec.Analyzer.Measures;

/// <summary>Something that tables need counted. Tables name what they need; a scan counts each measure once, whoever needs it.</summary>
internal abstract class Measure
{
    /// <summary>Its memory grows with the pages of the trace: it is dropped as soon as the rows of its tables are made.</summary>
    public bool GrowsWithPages { get; init; }

    /// <returns>An <see cref="IMeasure"/> or <see cref="IOrderedMeasure"/>; null: the trace has nothing to count.</returns>
    public abstract object? Start(MeasurePlan plan);
}

/// <param name="start">Makes a counter for one thread of a scan, or for all of them where order matters; null: there is nothing to count.</param>
internal sealed class Measure<T>(Func<MeasurePlan, T?> start) : Measure
    where T : class
{
    public override object? Start(MeasurePlan plan) => start(plan);
}
