using System.CommandLine;
using System.CommandLine.Parsing;
using Faultrec.Analyzer.Text;
using Faultrec.Cli.Output;
using Faultrec.Cli.Verbs;
using Faultrec.Recorder.Launch;
using Faultrec.Recorder.Symbols;
using Faultrec.Traces;

namespace Faultrec.Cli;

internal static class Program
{
    private const int Bug = (int)ExitCode.Bug;

    public static int Main(string[] args)
    {
        try
        {
            if (args is [LaunchStub.Verb, ..])
                return LaunchStub.Run(args);
            if (args is [ElfService.Verb, ..])
                return ElfService.Run(args);
            if (args is [DebuginfodService.Verb, ..])
                return DebuginfodService.Run(args);
            var root = new RootCommand("faultrec: who touched these pages, when, and what did each page fault cost?")
            {
                RecordVerb.Create(), TraceVerb.Create(), ReportVerb.Create(), ReplayVerb.Create(), SimulateVerb.CreateSimulate(),
                SimulateVerb.CreateAdvise(), DiffVerb.Create(), AssertVerb.Create(), InfoVerb.Create(), DumpVerb.Create(), QueryVerb.Create(),
                ExportVerb.Create(), ImportVerb.Create(), MarkVerb.Create(), PrefaultVerb.Create(), DoctorVerb.Create(), RecoverVerb.Create(),
                SymbolizeVerb.Create(),
            };
            root.Subcommands.Add(HelpVerb.Create(root));
            // A recorded command may have arguments that begin with '@'.
            args = CommandSeparator.Insert(root, args);
            var result = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
            if (args is [not ['-', ..] and var word, ..] && !HelpVerb.Verbs(root).Contains(word))
                return Usage(null, [$"{word}: no such verb{Suggestion.For(word, HelpVerb.Verbs(root))}", "faultrec help lists them"]);
            if (CommandSeparator.FindUnknownOption(root, args) is { } unknown)
            {
                var verb = result.CommandResult.Command;
                var name = unknown.Split('=', ':')[0];
                var meant = Suggestion.For(name, verb.Options.Where(option => !option.Hidden).Select(option => option.Name));
                return Usage(meant.Length > 0 ? null : result, [$"{unknown}: no such option of {verb.Name}{meant}"]);
            }

            if (result.Errors.Count > 0)
                return Usage(result.Errors.All(IsAboutAValue) ? null : result, result.Errors.Select(error => error.Message));
            return Invoke(result);
        }
        catch (FaultrecException e)
        {
            Talk.Say(Escape.Visible(e.Message));
            return (int)e.ExitCode;
        }
        catch (OutOfMemoryException)
        {
            Talk.Say("out of memory: the limit of the cgroup, or of the shell (ulimit -v), is too low for this");
            return (int)ExitCode.NotPermitted;
        }
        catch (Exception e)
        {
            Talk.Say($"this is a bug in faultrec, please report it with what follows:\n{e}");
            return Bug;
        }
    }

    // Verbs write for themselves; what the library writes is the help that was asked for.
    private static int Invoke(ParseResult result)
    {
        var help = new StringWriter();
        var status = result.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, Output = help });
        if (help.GetStringBuilder().Length > 0)
            OutputTarget.WriteText(Destination.Stdout, [], stdout => stdout.Write(help.ToString()));
        return status;
    }

    // Its message says what is expected there.
    private static bool IsAboutAValue(ParseError error) => error.SymbolResult is OptionResult { Tokens.Count: > 0 };

    /// <param name="result">Whose help is of use; null: the errors say enough.</param>
    private static int Usage(ParseResult? result, IEnumerable<string> errors)
    {
        foreach (var error in errors)
            Talk.Say(Escape.Visible(error));
        if (result is null)
            return (int)ExitCode.Usage;
        var help = new StringWriter();
        _ = result.CommandResult.Command.Parse(["--help"]).Invoke(new InvocationConfiguration { Output = help });
        Talk.Write(help.ToString());
        return (int)ExitCode.Usage;
    }
}
