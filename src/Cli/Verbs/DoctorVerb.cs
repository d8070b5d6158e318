using System.CommandLine;
using Faultrec.Analyzer.Text;
using Faultrec.Cli.Output;
using Faultrec.Recorder.Doctor;
using Faultrec.Traces;

namespace Faultrec.Cli.Verbs;

/// <summary>`faultrec doctor`: what this machine lets us trace, and why not the rest.</summary>
internal static class DoctorVerb
{
    public static Command Create()
    {
        var format = CommonOptions.Format(CommonOptions.TextOrJson);
        var color = CommonOptions.Colour();
        var functions = new Argument<string[]>("FUNCTION")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = "Check whether these kernel functions can be traced; if not, why, and what to use",
        };
        var verb = new Command("doctor", "Show what can be traced on this machine, and why the rest cannot") { format, color, functions };
        verb.SetAction(result =>
        {
            var json = result.GetValue(format) == ReportFormat.Json;
            var output = Destination.Stdout with { Colour = result.GetValue(color) };
            return result.GetValue(functions) is [_, ..] names ? DoctorFunctions.Run(names, json, output) : Run(json, output);
        });
        return verb;
    }

    private static int Run(bool asJson, Destination output)
    {
        var diagnosis = MachineDoctor.Examine();
        if (asJson)
            DoctorJson.Write(diagnosis);
        else
            OutputTarget.WriteText(output, [], writer => WriteText(writer, diagnosis, OutputTarget.StyleFor(output)));
        return (int)(diagnosis.CanRecord ? ExitCode.Ok : ExitCode.NotPermitted);
    }

    private static void WriteText(TextWriter writer, Diagnosis diagnosis, TextStyle style)
    {
        writer.WriteLine(diagnosis.CanRecord ? style.Title(diagnosis.Verdict) : style.Alarm(diagnosis.Verdict));
        writer.WriteLine("\nBackends, best first");
        foreach (var check in diagnosis.Backends)
            writer.WriteLine($"  {check.Backend,-11} {(check.Reason is null ? style.Good("works") : "no: " + check.Reason)}\n  {"",-11} sees {check.Sees}");
        writer.WriteLine("\nThis machine");
        foreach (var setting in diagnosis.Settings)
            writer.WriteLine($"  {setting.Name,-26} {setting.Value,-22} {setting.Meaning}");
    }
}
