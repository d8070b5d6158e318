using System.CommandLine;
using Faultrec.Cli.Output;
using Faultrec.Recorder.Launch;
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
            var root = new RootCommand("faultrec: who touched these pages, when, and what did each page fault cost?")
            {
                RecordVerb.Create(), ReportVerb.Create(), InfoVerb.Create(), DumpVerb.Create(), DoctorVerb.Create(), RecoverVerb.Create(),
            };
            // A recorded command may have arguments that begin with '@'.
            var result = root.Parse(CommandSeparator.Insert(root, args), new ParserConfiguration { ResponseFileTokenReplacer = null });
            if (result.Errors.Count > 0)
                return Usage(result);
            return result.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (FaultrecException e)
        {
            Console.Error.WriteLine($"faultrec: {e.Message}");
            return (int)e.ExitCode;
        }
        catch (Exception e)
        {
            Console.Error.WriteLine($"faultrec: this is a bug in faultrec, please report it with what follows:\n{e}");
            return Bug;
        }
    }

    private static int Usage(ParseResult result)
    {
        foreach (var error in result.Errors)
            Console.Error.WriteLine($"faultrec: {error.Message}");
        var help = new InvocationConfiguration { Output = Console.Error };
        var verb = result.CommandResult.Command;
        _ = (verb is RootCommand ? verb.Parse(["--help"]) : verb.Parse(["--help"])).Invoke(help);
        return (int)ExitCode.Usage;
    }
}
