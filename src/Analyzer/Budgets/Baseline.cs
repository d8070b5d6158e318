using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Budgets;

/// <summary>The figures of a relative budget in the traces that it is relative to.</summary>
/// <param name="Values">In the order of the traces; at least one, and empty where <paramref name="WhyUnknown"/> says why.</param>
/// <param name="WhyUnknown">Null: every trace has a figure.</param>
internal sealed record Baseline(IReadOnlyList<double> Values, string? WhyUnknown)
{
    public double Median => MedianOf(Values);

    /// <summary>Nearest rank, as of all medians here.</summary>
    public static double MedianOf(IReadOnlyList<double> values) => values.Order().ElementAt((values.Count - 1) / 2);

    /// <summary>The budgets with limits: an absolute one stays as it is.</summary>
    /// <param name="baselines">Each baseline held against <see cref="Measured"/>.</param>
    public static IReadOnlyList<Budget> Resolve(IReadOnlyList<Budget> budgets, IReadOnlyList<Assertion> baselines)
    {
        var (resolved, next) = (new List<Budget>(budgets.Count), 0);
        foreach (var budget in budgets)
            resolved.Add(budget.Increase is { } increase ? Resolve(budget, increase, baselines, next++) : budget);
        return resolved;
    }

    /// <summary>What to hold a baseline against: the relative budgets, each with a limit that any figure keeps.</summary>
    public static IReadOnlyList<Budget> Measured(IEnumerable<Budget> budgets) => [.. budgets.Where(budget => budget.Increase is not null)];

    // What a baseline itself had is never too much.
    private static Budget Resolve(Budget budget, double increase, IReadOnlyList<Assertion> baselines, int number)
    {
        // The first check is that of the recording.
        var checks = baselines.Select(baseline => (baseline.Report.Path, Check: baseline.Checks[number + 1])).ToList();
        if (checks.Find(check => check.Check.Found is null) is { Check: { } unknown } first)
            return budget with { Limit = double.NegativeInfinity, Baseline = new Baseline([], $"baseline {first.Path}: {unknown.Note}") };
        var baseline = new Baseline([.. checks.Select(check => check.Check.Found!.Value)], null);
        return budget with { Limit = Math.Max(baseline.Median * (1 + increase), baseline.Values.Max()), Baseline = baseline };
    }

    /// <summary>"88,000 + 5 %", "88,000 (87,500 to 90,100) + 5 %".</summary>
    public string Describe(Budget budget)
    {
        var (min, max) = (Values.Min(), Values.Max());
        var range = min == max ? "" : $" ({budget.Format(min)} to {budget.Format(max)})";
        return $"{budget.Format(Median)}{range} + {ShareText.Format(budget.Increase!.Value)}";
    }
}
