using System.Globalization;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Replay;

/// <summary>The fidelity of a replay, for people.</summary>
internal static class ReplayText
{
    /// <param name="top">Rows per table; 0: all.</param>
    public static void Write(TextWriter output, ReplayResult result, int top, TextStyle style)
    {
        Line(output, Headline(result), style.Title);
        Line(output, Order(result), static line => line);
        Line(output, Times(result), static line => line);
        foreach (var (_, words, faults) in result.Skipped)
            Line(output, $"not replayed: {Units.Of(faults, "fault")} {words}", style.Title);
        foreach (var note in result.Notes)
            Line(output, note, style.Title);
        foreach (var table in (ReportTable[])[FidelityTables.Kinds(result, top), FidelityTables.Regions(result, top)])
        {
            output.Write($"\n{style.Title(table.Title)}\n");
            TextTable.Write(output, table, style);
        }
    }

    private static void Line(TextWriter output, string text, Func<string, string> style) => TextLines.WriteWrapped(output, text, style);

    private static string Headline(ReplayResult result)
        => result.Options.Change.Description is { Length: > 0 } words
            ? $"with {words}: {Units.Of(result.Replayed, "fault")}, where {result.Path} has {Units.Count(result.Recorded)}; "
                + "a plain replay shows how many come back without the change"
            : $"fidelity {FidelityWords(result.Fidelity)}: of {Units.Of(result.Recorded, "recorded fault")} of {result.Path}, "
            + $"{Units.Count(Comparison.Of(result.Buckets).Matched)} came back in the same region with the same severity; "
            + $"{Units.Of(result.Replayed, "fault")} replayed";

    // If one fault in ten thousand differs, the text must not say 100 %.
    private static string FidelityWords(double share) => string.Create(CultureInfo.InvariantCulture, $"{Math.Floor(share * 10000) / 100:0.00} %");

    private static string Order(ReplayResult result)
    {
        var order = result.RankCorrelation is { } rank
            ? string.Create(CultureInfo.InvariantCulture,
                $"order {Math.Floor(rank * 10000) / 10000:0.0000} (rank correlation over {Units.Of(result.OrderSamples, "fault")}), ")
            : "";
        var threads = $"{order}{Units.Of(result.Threads, "thread")}";
        return result is { LateP50Ns: { } p50, LateP99Ns: { } p99 }
            ? $"{threads}; at {result.Options.Speed.ToString(CultureInfo.InvariantCulture)} × the recorded pace, "
                + $"{Units.Duration(p50)} late at the median, {Units.Duration(p99)} at p99"
                + (result.GapError is { } gap ? $"; from a thread's fault to its next {Units.Percent(gap)} off at the median" : "")
            : threads;
    }

    private static string Times(ReplayResult result)
    {
        var all = Comparison.Of(result.Buckets);
        return $"{Units.Duration(result.ElapsedNs)} for what took {Units.Duration(result.RecordedSpanNs)} when it was recorded, "
            + $"{Units.Count((long)result.FaultsPerSecond)} faults/s; "
            + $"{Units.Duration(all.ReplayedSumNs)} in touches, {Units.Duration(all.RecordedSumNs)} in recorded faults; "
            + (result.FillNs > 0 ? $"{Units.Duration(result.FillNs)} in filling ahead; " : "")
            + $"most memory {Units.Bytes(result.ResidentBytes)}";
    }
}
