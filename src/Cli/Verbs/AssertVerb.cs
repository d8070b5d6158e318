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
    Github,
}

/// <param name="Baselines">What relative budgets are relative to.</param>
internal sealed record AssertArgs(string Trace, IReadOnlyList<string> Baselines, string? BudgetFile, IReadOnlyList<Budget> Budgets, FaultFilter Filter,
    bool AllowIncomplete, AssertFormat Format, Destination Output);

/// <summary>`faultrec assert TRACE`: exit 1 when a recording breaks a budget.</summary>
internal static class AssertVerb
{
    private static readonly (string Name, AssertFormat Format)[] Formats =
        [("text", AssertFormat.Text), ("json", AssertFormat.Json), ("markdown", AssertFormat.Markdown), ("junit", AssertFormat.Junit),
            ("github", AssertFormat.Github)];

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
            Limit("--max-increase", "N%", "Allow at most N % more faults than the baseline has: 5%"),
        ];
        var baseline = new Option<string[]>("--baseline")
        {
            HelpName = "TRACE",
            Description = "Recordings to compare with; any --max budget can be relative: +5%",
            Arity = ArgumentArity.OneOrMore,
            AllowMultipleArgumentsPerToken = true,
        };
        var region = TypedOption.Repeatable("--region", "NAME:BUDGET=N", "Set a --max budget for these regions: [heap]:max-faults=9", Parse);
        var code = TypedOption.Repeatable("--code", "NAME:BUDGET=N", "Set one for lines of code: f (a.c:5):max-rss=9MiB", Parse);
        var kind = TypedOption.Repeatable("--kind", "KIND:BUDGET=N", "Set one for a kind of fault: cow_fork:max-faults=9", Parse);
        var file = new Option<string?>("--budgets")
        {
            HelpName = "FILE",
            Description = "Read budgets from FILE, one per line: --max-major 0; # begins a comment"
        };
        var allow = new Option<bool>("--allow-incomplete") { Description = "Check an INCOMPLETE recording, too (default: it fails)" };
        var format = CommonOptions.Format(Formats);
        var color = CommonOptions.Colour();
        var output = new OutputOptions();
        var filter = new FilterOptions(ofParts: false);
        var command = new Command("assert", "Fail (exit 1) when a recording breaks a budget, such as --max-major 0") { trace };
        foreach (var option in (IEnumerable<Option>)[.. limits, baseline, region, code, kind, file, allow, format, color])
            command.Options.Add(option);
        output.AddTo(command);
        filter.AddTo(command);
        command.SetAction(result => Run(new AssertArgs(
            CommonOptions.Of(result, trace),
            result.GetValue(baseline) ?? [],
            result.GetValue(file),
            [
                .. limits.Select(result.GetValue).OfType<Budget>(), .. result.GetValue(region) ?? [], .. result.GetValue(code) ?? [],
                .. result.GetValue(kind) ?? [], .. FromFile(result.GetValue(file)),
            ],
            filter.Parse(result),
            result.GetValue(allow),
            result.GetValue(format),
            output.Parse(result) with { Colour = result.GetValue(color) })));
        return command;
    }

    public static int Run(AssertArgs args)
    {
        if (args.Budgets.Count == 0)
        {
            throw new FaultrecException(ExitCode.Usage,
                "assert without a budget: expected at least one, such as --max-major 0 or --budgets FILE; see `faultrec assert --help`");
        }

        CheckBaselines(args);
        IReadOnlyList<string> inputs = [args.Trace, .. args.Baselines, .. args.BudgetFile is { } budgets ? [budgets] : (string[])[]];
        OutputTarget.Check(args.Output, inputs);
        var assertion = Hold(args);
        if (args.Format == AssertFormat.Json)
            OutputTarget.WriteJson(args.Output, inputs, json => AssertionJson.Write(json, assertion));
        else
            OutputTarget.WriteText(args.Output, inputs, writer => WriteText(writer, assertion, args));
        if (args.Format == AssertFormat.Github)
            StepSummary.Append(writer => AssertionReport.WriteMarkdown(writer, assertion));
        return (int)(assertion.Broken > 0 ? ExitCode.BudgetBroken : ExitCode.Ok);
    }

    private static void CheckBaselines(AssertArgs args)
    {
        var relative = args.Budgets.FirstOrDefault(budget => budget.Increase is not null);
        if (relative is not null && args.Baselines.Count == 0)
            throw new FaultrecException(ExitCode.Usage, $"{relative.Title} relative to a baseline: expected --baseline TRACE");
        if (relative is null && args.Baselines.Count > 0)
        {
            throw new FaultrecException(ExitCode.Usage,
                "--baseline without a budget that is relative to it: expected one, such as --max-increase 5% or --max-rss +5%");
        }
    }

    private static Assertion Hold(AssertArgs args)
    {
        var budgets = args.Budgets;
        if (args.Baselines.Count > 0)
        {
            var measured = Baseline.Measured(budgets);
            budgets = Baseline.Resolve(budgets, [.. args.Baselines.Select(path => HoldOne(path, args.Filter, measured, allowIncomplete: true, []))]);
        }

        return HoldOne(args.Trace, args.Filter, budgets, args.AllowIncomplete, args.Baselines);
    }

    private static Assertion HoldOne(string path, FaultFilter filter, IReadOnlyList<Budget> budgets, bool allowIncomplete, IReadOnlyList<string> baselines)
    {
        using var reader = TraceReader.Open(path);
        var report = ReportBuilder.Build(reader, filter.In(path, reader.Metadata), [], Assertion.MeasureOfCode) with { Path = path };
        var assertion = Assertion.Of(report, budgets, allowIncomplete, MemoryBudgets.Of(reader, report, budgets));
        return FaultCulprits.AddTo(assertion, reader, trace => filter.In(trace.Path, trace.Metadata), baselines);
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
        else if (args.Format == AssertFormat.Github)
            GithubReport.Write(writer, assertion);
        else
            AssertionReport.WriteText(writer, assertion, OutputTarget.StyleFor(args.Output));
    }
}
