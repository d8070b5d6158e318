namespace Faultrec.Analyzer.Budgets;

/// <summary>The line of code with most of what a budget limits, or with most of its rise above the baseline.</summary>
/// <param name="Amount">In the unit of the budget: of the line, or of its rise.</param>
/// <param name="Pid">The process with most; null: it is of all processes.</param>
/// <param name="Comm">Its name; null also where not known.</param>
internal sealed record Culprit(string Code, long Amount, int? Pid, string? Comm)
{
    /// <summary>By how much the figure is above the baseline's median; null: there is no baseline, or the amount is not of the rise.</summary>
    public double? Rise { get; init; }

    /// <summary>"233.0 MiB by render (leak.py:5) in python3", "+38,000, 36,900 of them by parse (json.c:210)".</summary>
    public string Describe(Budget budget)
    {
        var by = $"by {Code}{(Comm is null ? "" : $" in {Comm}")}";
        var amount = budget.Format(Amount);
        return Rise is { } rise
            ? $"+{budget.Format(rise)}, {amount} of {(budget.Measure == BudgetMeasure.FaultTimeNs ? "it" : "them")} {by}"
            : $"{amount} {by}";
    }
}
