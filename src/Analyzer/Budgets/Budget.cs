using System.Globalization;
using Faultrec.Analyzer.Text;
using Faultrec.Traces;
using Faultrec.Traces.Files;

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

/// <summary>One limit that a recording must keep.</summary>
/// <param name="Name">As on the command line, without dashes: "max-faults".</param>
/// <param name="Region">Part of the names of the regions that it limits; null: the whole trace.</param>
/// <param name="Limit">Faults, pages, ns, bytes, or a share of one; the limit itself is allowed.</param>
/// <param name="Code">Part of the names of the lines of code that it limits, as `report --by resident` has them; null, as of the region: all code.</param>
internal sealed record Budget(string Name, BudgetMeasure Measure, string? Region, double Limit, string? Code = null)
{
    /// <summary>"max-faults", "region [heap]:max-faults".</summary>
    public string Title => Region is not null ? $"{BudgetText.RegionName} {Region}:{Name}" : Code is not null ? $"{BudgetText.CodeName} {Code}:{Name}" : Name;

    /// <summary>Whether it limits resident memory.</summary>
    public bool IsOfMemory => BudgetText.IsOfMemory(Measure);

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

/// <summary>Budgets as the command line and budget files write them.</summary>
internal static class BudgetText
{
    public const string RegionName = "region";
    public const string CodeName = "code";

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
        ("max-growth", BudgetMeasure.GrownBytes), ("min-huge-share", BudgetMeasure.HugeShare),
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
            var ofCode = ParsePart(value, "parse (json.c:210):max-rss=200MiB", IsOfMemory, found, out var code);
            return ofCode with { Code = code };
        }

        var measure = MeasureOf(name) ?? throw Wrong(found, $"one of {OfTrace}, {RegionName} or {CodeName}");
        return new Budget(name, measure, null, ParseLimit(measure, value, found));
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

    /// <summary>Whether it is a measure of resident memory.</summary>
    public static bool IsOfMemory(BudgetMeasure measure) => measure is BudgetMeasure.ResidentBytes or BudgetMeasure.GrownBytes;

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
            ? new Budget(name, measure, null, ParseLimit(measure, value[(equal + 1)..], found))
            : throw Wrong(found, $"after the name one of {NamesOf(isAllowed)}");
    }

    private static string NamesOf(Func<BudgetMeasure, bool> isAllowed)
        => string.Join(", ", Names.Where(known => isAllowed(known.Measure)).Select(known => known.Name));

    private static BudgetMeasure? MeasureOf(string name)
        => Array.FindIndex(Names, known => known.Name == name) is >= 0 and var index ? Names[index].Measure : null;

    private static double ParseLimit(BudgetMeasure measure, string text, string found)
    {
        if (measure == BudgetMeasure.FaultTimeNs)
            return DurationText.TryParse(text, out var ns) ? ns : throw Wrong(found, DurationText.Expected);
        if (IsOfMemory(measure))
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
