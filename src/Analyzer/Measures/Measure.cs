namespace Faultrec.Analyzer.Measures;

/// <summary>A quantity that tables need. Tables name the measures they need; a scan counts each one once, however many tables need it.</summary>
internal abstract class Measure
{
    /// <summary>Its memory grows with the pages of the trace, so it is dropped as soon as the rows of its tables are made.</summary>
    public bool GrowsWithPages { get; init; }

    /// <summary>Its counter is an <see cref="IOrderedMeasure"/>, one for the whole scan.</summary>
    public abstract bool IsOrdered { get; }

    /// <returns>An <see cref="IMeasure"/>, or an <see cref="IOrderedMeasure"/> if <see cref="IsOrdered"/>; null: the trace has nothing to count.</returns>
    public abstract object? Start(MeasurePlan plan);
}

/// <param name="start">Makes a counter for one thread of a scan, or for all threads if order matters; null: there is nothing to count.</param>
internal sealed class Measure<T>(Func<MeasurePlan, T?> start) : Measure
    where T : class
{
    public override bool IsOrdered { get; } = typeof(T).IsAssignableTo(typeof(IOrderedMeasure));

    public override object? Start(MeasurePlan plan) => start(plan);
}
