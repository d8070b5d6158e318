using System.Globalization;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces.Files;

namespace Faultrec.Analyzer.Budgets;

/// <summary>Which code is behind a broken budget of faults: another pass over the traces, made only for budgets that broke.</summary>
internal static class FaultCulprits
{
    /// <summary>The checks with the code behind those that broke.</summary>
    /// <param name="reader">Of the trace that was checked.</param>
    /// <param name="filterOf">Of a trace: its phases have times of its own.</param>
    /// <param name="baselines">The traces that relative budgets are relative to.</param>
    public static Assertion AddTo(Assertion assertion, TraceReader reader, Func<TraceReader, FaultFilter> filterOf, IReadOnlyList<string> baselines)
        => assertion with
        {
            Checks =
            [
                .. assertion.Checks.Select(check => check is { IsBroken: true, Found: { } found, Budget: { } budget, Culprit: null } && HasCode(budget)
                    && reader.Metadata.Stacks is not null
                    ? check with { Culprit = Of(budget, found, reader, filterOf, baselines) }
                    : check),
            ],
        };

    private static bool HasCode(Budget budget)
        => budget.Measure is BudgetMeasure.Faults or BudgetMeasure.Major or BudgetMeasure.Failed or BudgetMeasure.FaultTimeNs
            // Only digits would be taken for the id of a region.
            && !int.TryParse(budget.Region, NumberStyles.None, CultureInfo.InvariantCulture, out _);

    private static Culprit? Of(Budget budget, double found, TraceReader reader, Func<TraceReader, FaultFilter> filterOf, IReadOnlyList<string> baselines)
    {
        var ours = LinesOf(reader, filterOf(reader), budget);
        if (budget.Baseline is not { } baseline)
            return Most(ours);
        var before = baselines.Select(path => OfBaseline(path, filterOf, budget)).ToList();
        if (before.Contains(null))
            return null;
        // Lines that an edit moved are matched by their function.
        var theirs = before.Select(lines => ByFunction(lines!)).ToList();
        var rises = ByFunction(ours).ToDictionary(function => function.Key,
            function => function.Value - (long)Baseline.MedianOf([.. theirs.Select(lines => (double)lines.GetValueOrDefault(function.Key))]));
        return Most(rises) is { } most
            ? most with { Code = NameOf(most.Code, ours.Keys, before.SelectMany(lines => lines!.Keys)), Rise = found - baseline.Median }
            : null;
    }

    private static Culprit? Most(Dictionary<string, long> lines)
    {
        var most = lines.Where(line => line.Key != ChargedCode.NoStack)
            .OrderByDescending(line => line.Value).ThenBy(line => line.Key, StringComparer.Ordinal).FirstOrDefault();
        return most.Value > 0 ? new Culprit(most.Key, most.Value, null, null) : null;
    }

    private static Dictionary<string, long>? OfBaseline(string path, Func<TraceReader, FaultFilter> filterOf, Budget budget)
    {
        using var reader = TraceReader.Open(path);
        return reader.Metadata.Stacks is null ? null : LinesOf(reader, filterOf(reader), budget);
    }

    private static Dictionary<string, long> LinesOf(TraceReader reader, FaultFilter filter, Budget budget)
    {
        var narrowed = filter with
        {
            Regions = budget.Region is { } region ? [region] : filter.Regions,
            Kinds = budget.Kind is { } kind ? [kind] : filter.Kinds,
        };
        var report = ReportBuilder.Build(reader, narrowed, [], StackAggregate.Measure);
        var lines = new Dictionary<string, long>();
        foreach (var (name, counts) in report.Code.SumByLine(report.Find(StackAggregate.Measure)!))
        {
            if (budget.Code is null || name.Contains(budget.Code, StringComparison.Ordinal))
                lines[name] = Of(budget.Measure, counts);
        }

        return lines;
    }

    private static long Of(BudgetMeasure measure, in FaultCounts counts) => measure switch
    {
        BudgetMeasure.Major => counts.Major,
        BudgetMeasure.Failed => counts.Failed,
        BudgetMeasure.FaultTimeNs => counts.DurationNs,
        _ => counts.Faults,
    };

    private static Dictionary<string, long> ByFunction(Dictionary<string, long> lines)
        => lines.GroupBy(line => FunctionOf(line.Key)).ToDictionary(function => function.Key, function => function.Sum(line => line.Value));

    private static string FunctionOf(string line) => FrameNames.WithoutLine(line) ?? line;

    /// <summary>The line, where the function has only that one in all traces.</summary>
    private static string NameOf(string function, IEnumerable<string> ours, IEnumerable<string> theirs)
    {
        var lines = ours.Concat(theirs).Where(line => FunctionOf(line) == function).Distinct().ToList();
        return lines.Count == 1 ? lines[0] : function;
    }
}
