using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Compare;

/// <summary>The sentence that a comparison begins with. docs/diff.md has its rule.</summary>
internal static class ComparisonHeadline
{
    /// <summary>Of a difference: what did not cause more of it is not named.</summary>
    private const double Most = 0.5;

    /// <summary>Of a figure: less is nothing to talk about.</summary>
    private const double LeastChange = 0.01;

    private static readonly Metric[] ByImportance = [Metric.Faults, Metric.TimeNs, Metric.PeakBytes, Metric.Major];

    /// <summary>What changed, and by which code, kind and place; then what did not; then what is known about the noise. Raw text with names in it.</summary>
    public static string Of(TraceComparison comparison)
    {
        var rows = ByImportance.Select(comparison.Total).Where(row => row is { Before: not null, After: not null }).ToList();
        var clauses = rows.Where(HasChanged).Select((row, i) => Rise(row) + (i == 0 ? Causes(comparison, row) : ""))
            .Concat(rows.Where(row => !HasChanged(row)).GroupBy(HowUnchanged).Select(group => $"{And([.. group.Select(Unchanged)])} {group.Key}"));
        var text = string.Join("; ", clauses);
        return $"{char.ToUpperInvariant(text[0])}{text[1..]}; {Noise(comparison)}.";
    }

    private static bool HasChanged(ComparedRow row) => row.HasChanged && !(Math.Abs(row.Change ?? 1) < LeastChange);

    private static string HowUnchanged(ComparedRow row) => row.Verdict switch
    {
        Verdict.Same => "unchanged",
        Verdict.WithinNoise => "unchanged within noise",
        _ => $"changed by less than {ShareText.Format(LeastChange)}",
    };

    private static string Rise(ComparedRow row)
    {
        var (metric, difference) = (row.Metric, row.Difference!.Value);
        var change = row.Change is { } share ? $" ({Units.Change(share)})" : "";
        return $"{NameOf(metric)} {(difference < 0 ? "fell" : "rose")} by {metric.Format(Math.Abs(difference))}{change} from "
            + $"{metric.Format(row.Before!.Median)} to {metric.Format(row.After!.Median)}";
    }

    /// <summary>": 36,900 more by parse (json.c:210), 37,100 of kind anon_write, 37,500 in the heap".</summary>
    private static string Causes(TraceComparison comparison, ComparedRow total)
    {
        var causes = new List<string>();
        Add(Subject.Code, "by ");
        Add(Subject.Kind, "of kind ");
        Add(Subject.Place, "in ");
        return causes.Count == 0 ? "" : $": {string.Join(", ", causes)}";

        void Add(Subject subject, string preposition)
        {
            var most = comparison.Rows(subject).Where(row => row.Metric == total.Metric && row.HasChanged)
                .MaxBy(row => Directed(row));
            if (most is null || Directed(most) <= Most * Math.Abs(total.Difference!.Value))
                return;
            var amount = total.Metric.Format(Directed(most));
            causes.Add($"{amount}{(causes.Count > 0 ? "" : total.Difference < 0 ? " fewer" : " more")} {preposition}{most.Item.Name}");
        }

        long Directed(ComparedRow row) => (row.Difference ?? 0) * Math.Sign(total.Difference!.Value);
    }

    private static string Unchanged(ComparedRow row)
    {
        var (before, after) = (row.Metric.Format(row.Before!.Median), row.Metric.Format(row.After!.Median));
        return $"{NameOf(row.Metric)} ({(before == after ? before : $"{before}, then {after}")})";
    }

    private static string NameOf(Metric metric) => metric switch
    {
        Metric.Faults => "faults",
        Metric.Major => "major faults",
        Metric.TimeNs => "time in faults",
        _ => "the peak of resident memory",
    };

    private static string And(IReadOnlyList<string> names)
        => names.Count == 1 ? names[0] : $"{string.Join(", ", names.Take(names.Count - 1))} and {names[^1]}";

    private static string Noise(TraceComparison comparison)
    {
        var (before, after) = (comparison.Before.Count, comparison.After.Count);
        return comparison.KnowsNoise
            ? $"medians of {before} traces before and {after} after"
            : before == 1 && after == 1
                ? "with one trace per side it is unknown how much of this is noise"
                : $"with one trace {(before == 1 ? "before" : "after")} it is unknown how much of this is noise";
    }
}
