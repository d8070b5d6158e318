using System.CommandLine;
using System.Text;
using Faultrec.Analyzer.Import;
using Faultrec.Analyzer.Text;
using Faultrec.Cli.Output;
using Faultrec.Traces;
using Faultrec.Traces.Native;
using Faultrec.Traces.Output;

namespace Faultrec.Cli.Verbs;

internal sealed record ImportArgs(string Input, Destination Output);

/// <summary>`faultrec import FILE`: a trace of what another tool recorded.</summary>
internal static class ImportVerb
{
    private const string Stdin = "-";

    public static Command Create()
    {
        var input = new Argument<string>("FILE") { Description = "Output of perf script (- is stdin), or systing's memory_fault.parquet" };
        var output = new OutputOptions($"The trace (default: {CommonOptions.DefaultTrace})", CommonOptions.DefaultTrace);
        var command = new Command("import", "Make a trace from a recording of perf or systing") { input };
        output.AddTo(command);
        command.SetAction(result => Run(new ImportArgs(result.GetRequiredValue(input), output.Parse(result))));
        return command;
    }

    public static int Run(ImportArgs args)
    {
        if (args.Input != Stdin && SystingFile(args.Input) is { } file)
            return RunSysting(file, args.Output);
        using var input = new StreamReader(args.Input == Stdin ? Console.OpenStandardInput() : Open(args.Input), new UTF8Encoding(false));
        var name = args.Input == Stdin ? "stdin" : args.Input;
        ImportSummary? summary = null;
        OutputTarget.WriteTrace(args.Output, args.Input == Stdin ? [] : [args.Input], stream =>
        {
            summary = PerfScriptImport.Run(input, name, ToolVersion.Text, stream);
            return summary.HasKernelAddresses && TraceSecrets.KernelAddressesAreHidden;
        });
        Say(args.Output.Path!, summary!);
        return (int)ExitCode.Ok;
    }

    private static int RunSysting(string input, Destination output)
    {
        SystingSummary? summary = null;
        OutputTarget.WriteTrace(output, [input], stream =>
        {
            summary = SystingImport.Run(input, ToolVersion.Text, stream);
            return false;
        });
        Talk.Say(
            $"{Escape.Visible(output.Path!)}: {Units.Of(summary!.Faults, "fault")} imported; systing does not say which were major, or whether any were lost");
        if (summary.Every > 1)
            Talk.Say($"systing recorded 1 fault in {Units.Count(summary.Every)}; each row stands for that many");
        if (summary.WithoutThread > 0)
            Talk.Say($"{Units.Of(summary.WithoutThread, "fault")} of threads that are not in thread.parquet: they have process 0 and no name");
        return (int)ExitCode.Ok;
    }

    /// <summary>A folder of systing's, or a Parquet file; null: a text.</summary>
    private static string? SystingFile(string path)
    {
        if (Directory.Exists(path))
            return Path.Combine(path, SystingImport.FileName);
        using var file = Open(path);
        Span<byte> magic = stackalloc byte[4];
        return file.ReadAtLeast(magic, magic.Length, throwOnEndOfStream: false) == magic.Length && magic.SequenceEqual("PAR1"u8) ? path : null;
    }

    private static FileStream Open(string path)
    {
        try
        {
            return new FileStream(RegularFile.Open(path), FileAccess.Read);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            var reason = exception switch
            {
                FileNotFoundException or DirectoryNotFoundException => "no such file",
                UnauthorizedAccessException => "permission denied",
                NotSupportedException => $"is not a regular file; to import what can be read only once, pipe it into `faultrec import {Stdin}`",
                _ => exception.Message,
            };
            throw new FaultrecException(ExitCode.BadInput, $"{Escape.Visible(path)}: {reason}; expected the output of `{PerfScriptImport.Command}`", exception);
        }
    }

    private static void Say(string output, ImportSummary summary)
    {
        Talk.Say(
            $"{Escape.Visible(output)}: {Units.Of(summary.Faults, "fault")} imported; "
            + "perf does not compare them with a kernel counter, so faults may be missing");
        foreach (var note in summary.Notes)
            Talk.Say(note);
        if (summary.Lost > 0)
            Talk.Say($"perf lost {Units.Of(summary.Lost, "event")}");
        if (summary.Malformed > 0)
            Talk.Say($"{Units.Of(summary.Malformed, "line")} not understood, the first is line {Units.Count(summary.FirstMalformed)}; counted as lost");
        if (summary.Others > 0)
            Talk.Say($"{Units.Of(summary.Others, "record")} of other kinds left out");
    }
}
