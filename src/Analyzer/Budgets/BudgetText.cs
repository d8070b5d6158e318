using System.Globalization;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Text;
using Faultrec.Traces;
using Faultrec.Traces.Files;

namespace Faultrec.Analyzer.Budgets;

/// <summary>Budgets as the command line and budget files write them.</summary>
internal static class BudgetText
{
    public const string RegionName = "region";
    public const string CodeName = "code";
    public const string KindName = "kind";

    /// <summary>Of faults: short for max-faults with a limit above the baseline.</summary>
    public const string IncreaseName = "max-increase";

    private const int MostBudgets = 100_000;

    /// <summary>Longer than a budget for a region whose name is a path (PATH_MAX).</summary>
    private const int MostLineCharacters = 1 << 15;

    private const string ExpectedFile = "expected one budget per line, such as --max-major 0";

    private const string ExpectedSize = "a number with a unit B, KiB, MiB, GiB or TiB, such as 200MiB or 1.5GiB";

    private const long LargestCount = 1L << 53;

    private static readonly (string Name, BudgetMeasure Measure)[] Names =
    [
        ("max-faults", BudgetMeasure.Faults), ("max-major", BudgetMeasure.Major), ("max-failed", BudgetMeasure.Failed),
        ("max-pages", BudgetMeasure.DistinctPages), ("max-fault-time", BudgetMeasure.FaultTimeNs), ("max-rss", BudgetMeasure.ResidentBytes),
        ("max-growth", BudgetMeasure.GrownBytes), ("min-huge-share", BudgetMeasure.HugeShare), (IncreaseName, BudgetMeasure.Faults),
    ];

    private static string OfTrace => NamesOf(_ => true);

    /// <param name="name">Without dashes.</param>
    /// <param name="found">The budget as it was written, and where, for messages.</param>
    /// <exception cref="FaultrecException">Not a budget: <see cref="ExitCode.Usage"/>; the message says what is expected.</exception>
    public static Budget Parse(string name, string value, string found)
    {
        if (name == RegionName)
        {
            var ofRegion = ParsePart(value, "[heap]:max-faults=1000", measure => measure != BudgetMeasure.HugeShare, found, out var region);
            return ofRegion with { Region = region };
        }

        if (name == CodeName)
        {
            var ofCode = ParsePart(value, "parse (json.c:210):max-rss=200MiB",
                measure => measure is not (BudgetMeasure.HugeShare or BudgetMeasure.DistinctPages), found, out var code);
            return ofCode with { Code = code };
        }

        if (name == KindName)
        {
            var ofKind = ParsePart(value, "cow_fork:max-faults=1000", BudgetMeasures.IsOfFaults, found, out var text);
            return ofKind with { Kind = FaultKindNames.TryParse(text, out var kind) ? kind : throw Wrong(found, $"one of the kinds {FaultKindNames.All}") };
        }

        return MeasureOf(name) is { } measure
            ? ParseLimit(name, measure, value, found)
            : throw Wrong(found, $"one of {OfTrace}, {RegionName}, {CodeName} or {KindName}");
    }

    /// <summary>One budget per line, as on the command line, with or without the dashes; blank lines and lines that begin with # are ignored.</summary>
    /// <param name="path">For messages.</param>
    /// <exception cref="FaultrecException">
    /// A line is no budget, or there is none: <see cref="ExitCode.Usage"/>. More or longer lines than anyone writes: <see cref="ExitCode.BadInput"/>.
    /// </exception>
    public static IReadOnlyList<Budget> ParseFile(string path, TextReader text)
    {
        var budgets = new List<Budget>();
        var lines = new LineReader(text, MostLineCharacters, path, ExpectedFile);
        while (lines.Next() is { } raw)
        {
            var line = raw.Trim();
            if (line.Length == 0 || line[0] == '#')
                continue;
            if (budgets.Count == MostBudgets)
                throw new FaultrecException(ExitCode.BadInput, $"{path}: has more than {MostBudgets} budgets; {ExpectedFile}");
            var found = string.Create(CultureInfo.InvariantCulture, $"{path}, line {lines.Number}: {line}");
            var bare = line.StartsWith("--", StringComparison.Ordinal) ? line[2..] : line;
            var end = bare.AsSpan().IndexOfAny(" \t=");
            if (end <= 0)
                throw Wrong(found, "a budget and its value, such as --max-major 0");
            budgets.Add(Parse(bare[..end], bare[(end + 1)..].Trim(), found));
        }

        return budgets.Count > 0 ? budgets : throw Wrong(path, "budgets, one per line, such as --max-major 0; the file has none");
    }

    /// <returns>A budget without its part.</returns>
    private static Budget ParsePart(string value, string example, Func<BudgetMeasure, bool> isAllowed, string found, out string part)
    {
        // A name may hold colons and equal signs; a budget holds only its own.
        var colon = value.LastIndexOf(':');
        var equal = colon < 0 ? -1 : value.IndexOf('=', colon);
        if (colon <= 0 || equal < 0)
            throw Wrong(found, $"NAME:BUDGET=VALUE, such as {example}");
        part = value[..colon];
        var name = value[(colon + 1)..equal];
        return MeasureOf(name) is { } measure && isAllowed(measure)
            ? ParseLimit(name, measure, value[(equal + 1)..], found)
            : throw Wrong(found, $"after the name one of {NamesOf(isAllowed)}");
    }

    private static string NamesOf(Func<BudgetMeasure, bool> isAllowed)
        => string.Join(", ", Names.Where(known => isAllowed(known.Measure)).Select(known => known.Name));

    private static BudgetMeasure? MeasureOf(string name)
        => Array.FindIndex(Names, known => known.Name == name) is >= 0 and var index ? Names[index].Measure : null;

    /// <returns>A budget without its part.</returns>
    private static Budget ParseLimit(string name, BudgetMeasure measure, string text, string found)
    {
        if (name == IncreaseName)
            return Relative("max-faults", ShareText.Parse(text) ?? throw Wrong(found, "a share above the baseline, such as 5%"));
        return measure != BudgetMeasure.HugeShare && text.StartsWith('+')
            ? Relative(name, ShareText.Parse(text[1..]) ?? throw Wrong(found, "after + a share above the baseline, such as +5%"))
            : new Budget(name, measure, null, ParseNumber(measure, text, found));

        Budget Relative(string relative, double increase) => new(relative, measure, null, double.PositiveInfinity) { Increase = increase };
    }

    private static double ParseNumber(BudgetMeasure measure, string text, string found)
    {
        if (measure == BudgetMeasure.FaultTimeNs)
            return DurationText.TryParse(text, out var ns) ? ns : throw Wrong(found, DurationText.Expected);
        if (measure.IsOfMemory())
            return SizeText.TryParse(text, out var bytes, out var unit) && unit.Length > 0 ? bytes : throw Wrong(found, ExpectedSize);
        const NumberStyles styles = NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        var isNumber = decimal.TryParse(text, styles, CultureInfo.InvariantCulture, out var number);
        if (measure == BudgetMeasure.HugeShare)
            return isNumber && number is >= 0 and <= 1 ? (double)number : throw Wrong(found, "a share from 0 to 1, such as 0.9");
        return isNumber && number >= 0 && number <= LargestCount && number == decimal.Truncate(number)
            ? (double)number
            : throw Wrong(found, "a whole number, such as 0, 300000 or 3e5");
    }

    private static FaultrecException Wrong(string found, string expected)
        => new(ExitCode.Usage, $"{found}: expected {expected}");
}
