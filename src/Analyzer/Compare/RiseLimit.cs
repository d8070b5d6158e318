using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Text;
using Faultrec.Traces;

namespace Faultrec.Analyzer.Compare;

/// <summary>By how much a total may rise: `diff --fail-on faults:5%`.</summary>
/// <param name="Share">Of the median before.</param>
internal sealed record RiseLimit(Metric Metric, double Share)
{
    private const string Example = "major or faults:5%";

    private static readonly (string Name, Metric Metric)[] Names =
    [
        ("faults", Metric.Faults), ("major", Metric.Major), ("pages", Metric.DistinctPages), ("time", Metric.TimeNs), ("memory", Metric.PeakBytes),
    ];

    /// <summary>As on the command line.</summary>
    public string Name => Names.First(known => known.Metric == Metric).Name;

    /// <exception cref="FaultrecException">Not a limit: <see cref="ExitCode.Usage"/>; the message says what is expected.</exception>
    public static RiseLimit Parse(string option, string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        var name = colon < 0 ? text : text[..colon];
        var known = Array.FindIndex(Names, known => known.Name == name);
        if (known < 0)
            throw Wrong($"one of {string.Join(", ", Names.Select(known => known.Name))}, such as {Example}");
        return new RiseLimit(Names[known].Metric, colon < 0 ? 0 : ShareText.Parse(text[(colon + 1)..]) ?? throw Wrong($"{name}:N%, such as {name}:5%"));

        FaultrecException Wrong(string expected) => new(ExitCode.Usage, $"{option} {text}: expected {expected}");
    }

    /// <summary>Why the limit is broken, as a sentence without its end; null: it holds.</summary>
    public string? WhyBroken(TraceComparison comparison)
    {
        if (comparison.Traces.FirstOrDefault(trace => !ReceiptText.IsComplete(trace.Metadata.Receipt)) is { } torn)
            return $"{torn.Path} is INCOMPLETE: faults that it lacks may have happened";
        var row = comparison.Total(Metric);
        if (row.Difference is not { } rise)
            return "not known for every trace: see the notes";
        if (!row.HasChanged || rise <= Share * row.Before!.Median)
            return null;
        return $"rose by {Metric.Format(rise)}{(row.Change is { } change ? $" ({Units.Change(change)})" : "")}";
    }

    /// <summary>"faults: at most +5 %".</summary>
    public override string ToString() => $"{Name}: at most +{ShareText.Format(Share)}";
}
