using System.CommandLine;
using Faultrec.Cli.Output;
using Faultrec.Recorder.Marks;
using Faultrec.Traces;

namespace Faultrec.Cli.Verbs;

/// <summary>`faultrec mark NAME`: a phase of a recorded run begins.</summary>
internal static class MarkVerb
{
    public static Command Create()
    {
        var name = new Argument<string>("NAME") { Description = "What begins now, such as warm-up; for report --by phase and --phase" };
        var recorder = TypedOption.Number(
            "--pid", "RECORDER", "Process id of the faultrec that records, if there are several", 1, int.MaxValue, "a process id such as 1234");
        var command = new Command("mark", "Name this moment of a recording that runs") { name, recorder };
        command.SetAction(result =>
        {
            MarkSender.Send(result.GetRequiredValue(name), result.GetValue(recorder));
            return (int)ExitCode.Ok;
        });
        return command;
    }
}
