using System.CommandLine;
using System.Globalization;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Cli.Output;
using Faultrec.Traces;
using Faultrec.Traces.Files;

namespace Faultrec.Cli.Verbs;

/// <param name="Items">Items a table; 0 is all, null the format's own choice.</param>
internal sealed record DiffArgs(
    IReadOnlyList<string> Before, IReadOnlyList<string> After, IReadOnlyList<RiseLimit> Limits, ReportFormat Format, Destination Output, int? Items,
    FaultFilter Filter);

/// <summary>`faultrec diff A B`: what changed from one recording to another.</summary>
internal static class DiffVerb
{
    public static Command Create()
    {
        var traces = new Argument<string[]>("TRACE") { Description = "BEFORE AFTER; with --after, all of these are before", Arity = ArgumentArity.OneOrMore };
        var after = new Option<string[]>("--after")
        {
            HelpName = "TRACE",
            Description = "The traces after; several on each side show which differences are noise",
            Arity = ArgumentArity.OneOrMore,
            AllowMultipleArgumentsPerToken = true,
        };
        var format = CommonOptions.Format(CommonOptions.ReportFormats);
        var failOn = TypedOption.Repeatable("--fail-on", "NAME:N%", "Exit with 1 if this total rose by more: faults:5%", RiseLimit.Parse);
        var output = new OutputOptions();
        var color = CommonOptions.Colour();
        var top = CommonOptions.Top();
        var filter = new FilterOptions();
        var command = new Command("diff", "Show what changed between recordings, and which changes are noise")
        {
            traces, after, failOn, format, top, color,
        };
        output.AddTo(command);
        filter.AddTo(command);
        command.SetAction(result =>
        {
            var (before, later) = Sides(result.GetValue(traces) ?? [], result.GetValue(after) ?? []);
            return Run(new DiffArgs(
                before,
                later,
                result.GetValue(failOn) ?? [],
                result.GetValue(format),
                output.Parse(result) with { Colour = result.GetValue(color) },
                result.GetValue(top),
                filter.Parse(result)));
        });
        return command;
    }

    private static (string[] Before, string[] After) Sides(string[] traces, string[] after)
        => (traces, after) switch
        {
            (_, { Length: > 0 }) => (traces, after),
            ([var one, var other], _) => ([one], [other]),
            _ => throw new FaultrecException(
                ExitCode.Usage,
                string.Create(CultureInfo.InvariantCulture,
                    $"diff with {traces.Length} trace{(traces.Length == 1 ? "" : "s")}: expected BEFORE AFTER, or BEFORE… --after AFTER…")),
        };

    public static int Run(DiffArgs args)
    {
        IReadOnlyList<string> inputs = [.. args.Before, .. args.After];
        OutputTarget.Check(args.Output, inputs);
        var comparison = TraceComparison.Of(
            [.. args.Before.Select(path => Measure(path, args.Filter, withCode: true))],
            [.. args.After.Select(path => Measure(path, args.Filter, withCode: true))],
            args.Filter,
            args.Limits);
        if (args.Format == ReportFormat.Json)
            OutputTarget.WriteJson(args.Output, inputs, json => ComparisonJson.Write(json, comparison, args.Items ?? 0));
        else
            OutputTarget.WriteText(args.Output, inputs, writer => WriteText(writer, comparison, args));
        return (int)(comparison.BreaksLimits ? ExitCode.BudgetBroken : ExitCode.Ok);
    }

    /// <summary>A report is let go once its figures are taken, so that memory does not grow with the number of traces but by their items.</summary>
    /// <param name="withCode">Also lines of code and resident memory, which takes another pass over the trace.</param>
    internal static TraceMeasures Measure(string path, FaultFilter filter, bool withCode)
    {
        using var reader = TraceReader.Open(path);
        filter = filter.In(path, reader.Metadata);
        return withCode
            ? TraceMeasures.OfCodeToo(ReportBuilder.Build(reader, filter, TraceMeasures.TablesOfCodeToo, TraceMeasures.MeasureOfCode) with { Path = path })
            : TraceMeasures.Of(ReportBuilder.Build(reader, filter, TraceMeasures.Tables) with { Path = path });
    }

    private static void WriteText(TextWriter writer, TraceComparison comparison, DiffArgs args)
    {
        if (args.Format == ReportFormat.Csv)
            ComparisonReport.WriteCsv(writer, comparison, args.Items ?? 0);
        else if (args.Format == ReportFormat.Markdown)
            ComparisonReport.WriteMarkdown(writer, comparison, args.Items ?? CommonOptions.RowsForPeople);
        else
            ComparisonReport.WriteText(writer, comparison, args.Items ?? CommonOptions.RowsForPeople, OutputTarget.StyleFor(args.Output));
    }
}
