using System.Globalization;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces.Files;

namespace Faultrec.Analyzer.Budgets;

/// <summary>
/// Which code is behind a broken budget of faults. Only for budgets that broke: of a region or a kind it takes another pass over the trace, and of
/// baselines always.
/// </summary>
internal static class FaultCulprits
{
    /// <summary>The checks with the code behind those that broke.</summary>
    /// <param name="assertion">Its report has <see cref="Assertion.MeasureOfCode"/>.</param>
    /// <param name="reader">Of the trace that was checked.</param>
    /// <param name="filterOf">Of a trace: its phases have times of its own.</param>
    /// <param name="baselines">The traces that relative budgets are relative to.</param>
    public static Assertion AddTo(Assertion assertion, TraceReader reader, Func<TraceReader, FaultFilter> filterOf, IReadOnlyList<string> baselines)
    {
        return assertion with
        {
            Checks =
            [
                .. assertion.Checks.Select(check => check is { IsBroken: true, Found: { } found, Budget: { } budget, Culprit: null } && HasCode(budget)
                    && reader.Metadata.Stacks is not null
                    ? check with { Culprit = Of(budget, found, OursOf(budget), filterOf, baselines) }
                    : check),
            ],
        };

        Dictionary<string, long> OursOf(Budget budget)
            => budget is { Region: null, Kind: null } ? LinesOf(assertion.Report, budget) : LinesOf(reader, filterOf(reader), budget);
    }

    private static bool HasCode(Budget budget)
        => budget.Measure.IsOfFaults()
            // Only digits would be taken for the id of a region.
            && !int.TryParse(budget.Region, NumberStyles.None, CultureInfo.InvariantCulture, out _);

    private static Culprit? Of(
        Budget budget, double found, Dictionary<string, long> ours, Func<TraceReader, FaultFilter> filterOf, IReadOnlyList<string> baselines)
    {
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
        return LinesOf(ReportBuilder.Build(reader, narrowed, [], Assertion.MeasureOfCode), budget);
    }

    private static Dictionary<string, long> LinesOf(FaultReport report, Budget budget)
    {
        var lines = new Dictionary<string, long>();
        foreach (var (name, counts) in report.Code.SumByLine(report.Find(StackAggregate.Measure)!))
        {
            if (budget.Code is null || name.Contains(budget.Code, StringComparison.Ordinal))
                lines[name] = budget.Measure.Of(counts);
        }

        return lines;
    }

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
