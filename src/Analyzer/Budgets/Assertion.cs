using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;
using Faultrec.Traces;

namespace Faultrec.Analyzer.Budgets;

/// <summary>A budget and the trace's figure for it.</summary>
/// <param name="Budget">Null: the check that the recording is complete.</param>
/// <param name="Found">Null: not known, which breaks any budget.</param>
/// <param name="Note">Why it is not known, or a restriction of the figure; null: nothing to say.</param>
internal sealed record BudgetCheck(Budget? Budget, double? Found, bool IsBroken, string? Note)
{
    public const string CompleteTitle = "complete recording";
    public const string BrokenText = "FAIL";

    /// <summary>Bytes: the same by the account, where <see cref="Found"/> is the kernel's own; null: not known.</summary>
    public double? Accounted { get; init; }

    /// <summary>The code with most of what broke the budget; null: it did not break, or that is not known.</summary>
    public Culprit? Culprit { get; init; }

    public string Title => Budget?.Title ?? CompleteTitle;

    public string FoundText
        => Budget is null ? (Note is null ? "complete" : "INCOMPLETE")
            : Found is not { } value ? "unknown"
            : Budget.Format(value, exactly: LooksEqual(value)) + (Accounted is { } accounted ? $" ({Budget.Format(accounted)} accounted)" : "");

    /// <summary>"≤ 300,000", "≥ 0.9", "unknown".</summary>
    public string LimitText
        => Budget is null ? (IsBroken || Note is null ? "complete" : "any")
            : Budget.Baseline is { WhyUnknown: not null } ? "unknown"
            : $"{(Budget.Measure == BudgetMeasure.HugeShare ? "≥" : "≤")} {Budget.Format(Budget.Limit, exactly: Found is { } value && LooksEqual(value))}";

    /// <summary>"88,000 + 5 %"; null: the budget is not relative, or the baseline is not known.</summary>
    public string? BaselineText => Budget?.Baseline is { WhyUnknown: null } baseline ? baseline.Describe(Budget) : null;

    /// <summary>"≤ 92,400 (baseline 88,000 + 5 %)".</summary>
    public string AllowedText => LimitText + (BaselineText is { } baseline ? $" (baseline {baseline})" : "");

    public string ResultText => IsBroken ? BrokenText : "pass";

    // "found 200 ms, allowed 200 ms" would explain nothing.
    private bool LooksEqual(double found) => found != Budget!.Limit && Budget.Format(found) == Budget.Format(Budget.Limit);
}

/// <summary>A trace checked against budgets.</summary>
/// <param name="Checks">The completeness of the recording first, then the budgets in the given order.</param>
internal sealed record Assertion(FaultReport Report, IReadOnlyList<BudgetCheck> Checks)
{
    private const string AbsenceProvesNothing =
        "an incomplete recording may lack faults that happened, so it proves no budget; record again, or give --allow-incomplete";

    /// <summary>Why a budget of code is not known.</summary>
    internal const string NoStacks = "the recording has no stacks, which tell the code";

    /// <summary>What a report must have counted for budgets of code.</summary>
    public static Measure MeasureOfCode => StackAggregate.Measure;

    public int Broken => Checks.Count(check => check.IsBroken);

    /// <summary>"trace.parquet: FAIL, 2 of 3 checks broken: …". Raw text with names from the trace and the budgets in it.</summary>
    public string Headline
        => Broken == 0
            ? $"{Report.Path}: pass, all {Units.Of(Checks.Count, "check")} hold"
            : $"{Report.Path}: FAIL, {Broken} of {Units.Of(Checks.Count, "check")} broken: "
                + $"{string.Join("; ", Checks.Where(check => check.IsBroken).Select(Describe))}";

    public static string Describe(BudgetCheck check) => $"{check.Title} {Explain(check)}";

    /// <summary>"found 7, allowed ≤ 5: 6 by parse (json.c:210)".</summary>
    public static string Explain(BudgetCheck check)
        => $"found {check.FoundText}, allowed {check.AllowedText}{(check.Culprit is { } culprit ? $": {culprit.Describe(check.Budget!)}" : "")}";

    /// <param name="report">Of the whole trace.</param>
    /// <param name="memory">Of these budgets; null: none of them is of memory.</param>
    /// <exception cref="FaultrecException">A budget of major faults, and the trace does not say which were major.</exception>
    public static Assertion Of(FaultReport report, IReadOnlyList<Budget> budgets, bool allowIncomplete, MemoryBudgets? memory = null)
    {
        if (!report.Metadata.KnowsMajor && budgets.FirstOrDefault(budget => budget.Measure == BudgetMeasure.Major) is { } major)
        {
            throw new FaultrecException(ExitCode.BadInput,
                $"{Escape.Visible(report.Path)}: does not say which faults were major; expected a recording that does for {Escape.Visible(major.Title)}; "
                + "record with faultrec, or leave the budget out");
        }

        return new(report,
            [CheckRecording(report, allowIncomplete), .. budgets.Select(budget => Check(report, budget, memory))]);
    }

    private static BudgetCheck CheckRecording(FaultReport report, bool allowIncomplete)
    {
        var receipt = report.Metadata.Receipt;
        return ReceiptText.IsComplete(receipt)
            ? new BudgetCheck(null, null, false, null)
            : new BudgetCheck(null, null, !allowIncomplete, $"{ReceiptText.Describe(receipt)}{(allowIncomplete ? "" : $": {AbsenceProvesNothing}")}");
    }

    private static BudgetCheck Check(FaultReport report, Budget budget, MemoryBudgets? memory)
        => budget.Baseline?.WhyUnknown is { } why ? new BudgetCheck(budget, null, true, why)
            : budget.IsOfMemory ? memory!.Check(budget)
            : CheckFaults(report, budget);

    private static BudgetCheck CheckFaults(FaultReport report, Budget budget)
    {
        if (OfBudget(report, budget, out var note) is not { } found)
            return new BudgetCheck(budget, null, true, note);
        if (report.Sample is not null && budget.Measure == BudgetMeasure.DistinctPages && budget.IsKeptBy(found))
            return new BudgetCheck(budget, null, true, $"a sample shows only that there are at least {budget.Format(found)}");
        return new BudgetCheck(budget, found, !budget.IsKeptBy(found), note ?? EstimateNote(report, budget));
    }

    private static double? OfBudget(FaultReport report, Budget budget, out string? note)
    {
        note = null;
        var totals = report.Totals;
        return budget switch
        {
            { Region: { } region } => OfRegions(report, budget.Measure, region, out note),
            { Code: { } code } => OfCode(report, budget.Measure, code, out note),
            { Kind: { } kind } => report.Rows(KindTable.Definition).FirstOrDefault(row => row.Kind == kind) is { } row
                ? Value(report, budget.Measure, row.Counts, 0, row.Latency.Count, out note)
                : Value(report, budget.Measure, default, 0, 0, out note),
            { Measure: BudgetMeasure.HugeShare } => HugeShare.Of(report, out note),
            _ => Value(report, budget.Measure, totals.Counts, totals.DistinctPages, totals.Latency.Count, out note),
        };
    }

    private static double? OfCode(FaultReport report, BudgetMeasure measure, string part, out string? note)
    {
        note = report.Metadata.Stacks is null ? NoStacks : null;
        if (report.Find(StackAggregate.Measure) is not { } stacks)
            return null;
        var (counts, lines) = (new FaultCounts(), 0);
        foreach (var (name, line) in report.Code.SumByLine(stacks))
        {
            if (!name.Contains(part, StringComparison.Ordinal))
                continue;
            counts.Merge(line);
            lines++;
        }

        // Which of these had no duration is not counted.
        var value = Value(report, measure, counts, 0, counts.Faults, out note);
        note ??= lines == 0 ? "no code whose name contains this had a fault: check the name" : null;
        return value;
    }

    private static double? OfRegions(FaultReport report, BudgetMeasure measure, string part, out string? note)
    {
        var (counts, pages, timed, regions) = (new FaultCounts(), 0L, 0L, 0);
        foreach (var row in report.Rows(RegionTable.Definition))
        {
            if (!RegionNames.Of(row.Region).Contains(part, StringComparison.Ordinal))
                continue;
            counts.Merge(row.Counts);
            pages += row.DistinctPages;
            timed += row.Latency.Count;
            regions++;
        }

        var value = Value(report, measure, counts, pages, timed, out note);
        note ??= regions == 0 ? "no region whose name contains this had a fault: check the name" : null;
        return value;
    }

    private static double? Value(FaultReport report, BudgetMeasure measure, in FaultCounts counts, long pages, long timed, out string? note)
    {
        note = null;
        switch (measure)
        {
            case BudgetMeasure.DistinctPages:
                return pages;
            case BudgetMeasure.FaultTimeNs:
                var (known, untimed) = (report.Metadata.Backend.HasDurations, counts.Faults - timed);
                if (!known)
                    note = $"backend {report.Metadata.Backend} has no durations";
                else if (report.Sample is null && untimed > 0)
                    note = $"the time of {Units.Of(untimed, "fault")} is not known and not included";
                return known ? measure.Of(counts) : null;
            default:
                return measure.Of(counts);
        }
    }

    private static string? EstimateNote(FaultReport report, Budget budget)
        => report.Sample is not { } sample
            || (budget is { Region: null, Code: null, Kind: null } && sample.CountsExact && budget.Measure is BudgetMeasure.Faults or BudgetMeasure.Major)
            ? null
            : "an estimate: the recording is a sample";
}
