using Faultrec.Fuzz.Running;

namespace Faultrec.Fuzz;

/// <summary>
/// `fuzz …` is the tool, everything else the test runner's. An input is made from the seed and its number alone, so that any can be made again.
/// </summary>
public static class Program
{
    public static int Main(string[] arguments)
        => arguments is ["fuzz", .. var options] ? Fuzz(options) : Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(arguments).GetAwaiter().GetResult();

    private static int Fuzz(string[] options)
    {
        if (FuzzOptions.Parse(options) is not { } parsed)
        {
            Console.Error.WriteLine(FuzzOptions.Usage);
            return 2;
        }

        var summary = parsed.AsProcesses ? ProcessRun.Run(parsed) : InProcessRun.Run(parsed);
        Console.WriteLine(summary);
        return summary.Failures == 0 ? 0 : 1;
    }
}
