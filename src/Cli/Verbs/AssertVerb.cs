using System.CommandLine;
using Faultrec.Analyzer.Budgets;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Cli.Output;
using Faultrec.Traces;
using Faultrec.Traces.Files;
using Faultrec.Traces.Native;

namespace Faultrec.Cli.Verbs;

internal enum AssertFormat
{
    Text,
    Json,
    Markdown,
    Junit,
}

internal sealed record AssertArgs(string Trace, string? BudgetFile, IReadOnlyList<Budget> Budgets, bool AllowIncomplete, AssertFormat Format,
    Destination Output);

/// <summary>`faultrec assert TRACE`: exit 1 when a recording breaks a budget.</summary>
internal static class AssertVerb
{
    private static readonly (string Name, AssertFormat Format)[] Formats =
        [("text", AssertFormat.Text), ("json", AssertFormat.Json), ("markdown", AssertFormat.Markdown), ("junit", AssertFormat.Junit)];

    public static Command Create()
    {
        var trace = CommonOptions.Trace();
        Option<Budget?>[] limits =
        [
            Limit("--max-faults", "N", "Allow at most N page faults: 300000, 3e5"),
            Limit("--max-major", "N", "Allow at most N faults that waited for a device or were retried; often 0"),
            Limit("--max-failed", "N", "Allow at most N faults that ended in a signal"),
            Limit("--max-pages", "N", "Allow at most N distinct pages to be touched"),
            Limit("--max-fault-time", "TIME", "Allow at most TIME in the fault handler, over all threads: 200ms"),
            Limit("--max-rss", "SIZE", "Allow each process at most SIZE of resident memory at its peak: 200MiB"),
            Limit("--max-growth", "SIZE", "Allow at most SIZE to become resident and stay, of all processes"),
            Limit("--min-huge-share", "SHARE", "Require this share of first-touched memory in huge pages: 0.9"),
        ];
        var region = TypedOption.Repeatable("--region", "NAME:BUDGET=N", "Set a --max budget for these regions: [heap]:max-faults=9", Parse);
        var code = TypedOption.Repeatable("--code", "NAME:BUDGET=N", "Limit the memory of these lines: f (a.c:5):max-rss=9MiB", Parse);
        var file = new Option<string?>("--budgets")
        {
            HelpName = "FILE",
            Description = "Read budgets from FILE, one per line: --max-major 0; # begins a comment"
        };
        var allow = new Option<bool>("--allow-incomplete") { Description = "Check an INCOMPLETE recording, too (default: it fails)" };
        var format = CommonOptions.Format(Formats);
        var output = new OutputOptions();
        var command = new Command("assert", "Fail (exit 1) when a recording breaks a budget, such as --max-major 0") { trace };
        foreach (var option in (IEnumerable<Option>)[.. limits, region, code, file, allow, format])
            command.Options.Add(option);
        output.AddTo(command);
        command.SetAction(result => Run(new AssertArgs(
            CommonOptions.Of(result, trace),
            result.GetValue(file),
            [
                .. limits.Select(result.GetValue).OfType<Budget>(), .. result.GetValue(region) ?? [], .. result.GetValue(code) ?? [],
                .. FromFile(result.GetValue(file)),
            ],
            result.GetValue(allow),
            result.GetValue(format),
            output.Parse(result))));
        return command;
    }

    public static int Run(AssertArgs args)
    {
        if (args.Budgets.Count == 0)
        {
            throw new FaultrecException(ExitCode.Usage,
                "assert without a budget: expected at least one, such as --max-major 0 or --budgets FILE; see `faultrec assert --help`");
        }

        IReadOnlyList<string> inputs = args.BudgetFile is { } budgets ? [args.Trace, budgets] : [args.Trace];
        OutputTarget.Check(args.Output, inputs);
        using var reader = TraceReader.Open(args.Trace);
        var report = ReportBuilder.Build(reader, FaultFilter.None, []) with { Path = args.Trace };
        var assertion = Assertion.Of(report, args.Budgets, args.AllowIncomplete, MemoryBudgets.Of(reader, report, args.Budgets));
        if (args.Format == AssertFormat.Json)
            OutputTarget.WriteJson(args.Output, inputs, json => AssertionJson.Write(json, assertion));
        else
            OutputTarget.WriteText(args.Output, inputs, writer => WriteText(writer, assertion, args));
        return (int)(assertion.Broken > 0 ? ExitCode.BudgetBroken : ExitCode.Ok);
    }

    private static Option<Budget?> Limit(string name, string helpName, string description) => TypedOption.Create<Budget?>(name, helpName, description, Parse);

    private static Budget Parse(string option, string value) => BudgetText.Parse(option[2..], value, $"{option} {value}");

    private static IReadOnlyList<Budget> FromFile(string? path)
    {
        if (path is null)
            return [];
        try
        {
            using var text = new StreamReader(new FileStream(RegularFile.Open(path), FileAccess.Read));
            return BudgetText.ParseFile(path, text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            var problem = e is NotSupportedException ? "is not a regular file" : "cannot be read";
            throw new FaultrecException(ExitCode.Usage, $"--budgets {path}: {problem}; expected a text file with one budget per line, such as --max-major 0",
                e);
        }
    }

    private static void WriteText(TextWriter writer, Assertion assertion, AssertArgs args)
    {
        if (args.Format == AssertFormat.Markdown)
            AssertionReport.WriteMarkdown(writer, assertion);
        else if (args.Format == AssertFormat.Junit)
            JunitReport.Write(writer, assertion);
        else
            AssertionReport.WriteText(writer, assertion, OutputTarget.StyleFor(args.Output));
    }
}
