using System.CommandLine;

namespace Faultrec.Cli.Output;

/// <summary>What several verbs take, in one wording.</summary>
internal static class CommonOptions
{
    /// <summary>Rows of a table that a person reads.</summary>
    public const int RowsForPeople = 10;

    public static readonly (string Name, ReportFormat Format)[] ReportFormats =
        [("text", ReportFormat.Text), ("json", ReportFormat.Json), ("markdown", ReportFormat.Markdown), ("csv", ReportFormat.Csv)];

    public static readonly (string Name, ReportFormat Format)[] TextOrJson = [("text", ReportFormat.Text), ("json", ReportFormat.Json)];

    /// <summary>Where a recording goes, and where the verbs that read one look for it.</summary>
    public const string DefaultTrace = "trace.parquet";

    public static Argument<string> Trace(string description = "Trace file")
        => new("TRACE") { Description = $"{description} (default: {DefaultTrace})", Arity = ArgumentArity.ZeroOrOne };

    public static Argument<string[]> Traces()
        => new("TRACE") { Description = $"Trace files (default: {DefaultTrace})", Arity = ArgumentArity.ZeroOrMore };

    // The library would write a default value into every list of verbs.
    public static string Of(ParseResult result, Argument<string> trace) => result.GetValue(trace) ?? DefaultTrace;

    public static IReadOnlyList<string> Of(ParseResult result, Argument<string[]> traces)
        => result.GetValue(traces) is { Length: > 0 } named ? named : [DefaultTrace];

    /// <param name="formats">The first is what is written unasked.</param>
    /// <param name="note">What one of them is.</param>
    public static Option<T> Format<T>((string Name, T Value)[] formats, string? note = null)
        => Choice.Option("--format", "FORMAT", $"{Choice.List(formats)} (default: {formats[0].Name}){(note is null ? "" : $"; {note}")}", formats);

    public static Option<ColourChoice> Colour()
    {
        (string Name, ColourChoice Colour)[] choices = [("auto", ColourChoice.Auto), ("always", ColourChoice.Always), ("never", ColourChoice.Never)];
        return Choice.Option("--color", "WHEN", $"Colour text: {Choice.List(choices)} (default: auto, on a terminal)", choices);
    }

    /// <param name="forPeople">How many there are unasked.</param>
    /// <param name="forPrograms">Of formats that programs read, all.</param>
    /// <returns>0 is all, null the format's own choice.</returns>
    public static Option<int?> Top(string rows = "Show N rows per table", int forPeople = RowsForPeople, bool forPrograms = true)
        => TypedOption.Number(
            "--top", "N", $"{rows}, 0 for all (default: {forPeople}{(forPrograms ? "; all in JSON and CSV" : "")})", 0, int.MaxValue,
            "a number of rows, or 0 for all");
}
