using Faultrec.Analyzer.Text;
using Faultrec.Cli.Output;
using Faultrec.Recorder.Doctor;
using Faultrec.Traces;

namespace Faultrec.Cli.Verbs;

/// <summary>`faultrec doctor FUNCTION…`: can they be traced, and if not, why, and what instead?</summary>
internal static class DoctorFunctions
{
    private const string Indent = "    ";

    public static int Run(string[] names, bool asJson, Destination output)
    {
        var diagnosis = FunctionDoctor.Examine(names);
        if (asJson)
            DoctorJson.Write(diagnosis);
        else
            OutputTarget.WriteText(output, [], writer => WriteText(writer, diagnosis, OutputTarget.StyleFor(output)));
        return (int)(diagnosis.Functions.All(function => function.IsTraceable) ? ExitCode.Ok : ExitCode.NotPermitted);
    }

    private static void WriteText(TextWriter writer, FunctionsDiagnosis diagnosis, TextStyle style)
    {
        foreach (var function in diagnosis.Functions)
        {
            writer.WriteLine((function.IsTraceable ? style.Good : (Func<string, string>)style.Alarm)(Escape.Visible(Verdict(function))));
            foreach (var line in Details(function))
                writer.WriteLine(Escape.Visible(line));
        }

        if (diagnosis.Functions.All(function => function.By.Count == 2) || diagnosis.NotLookedAt.Count == 0)
            return;
        writer.WriteLine("\nCould not be looked at");
        foreach (var what in diagnosis.NotLookedAt)
            writer.WriteLine(Escape.Visible($"  {what}"));
    }

    private static string Verdict(FunctionDiagnosis function)
    {
        var verdict = function.IsTraceable ? $"traceable by {string.Join(" and ", function.By)}" : "not traceable";
        return $"{function.Name}: {verdict}{(function.Module is { } module ? $" (module {module})" : "")}";
    }

    private static IEnumerable<string> Details(FunctionDiagnosis function)
    {
        if (function.Prototype is { } prototype)
            yield return Indent + prototype.Declaration;
        if (function.IsTraceable && function.Symbols > 1)
            yield return $"{Indent}{function.Symbols} functions have that name; a probe by name is on one of them";
        foreach (var reason in function.Reasons)
            yield return $"{Indent}not by {reason.Mechanism}: {reason.Text}";
        if (function.Similar.Count > 0)
            yield return $"{Indent}similar names in this kernel: {string.Join(", ", function.Similar)}";
        if (function.Substitute is { } substitute)
        {
            yield return $"{Indent}instead: {substitute.Name} ({string.Join(", ", substitute.By)}{(substitute.Tried ? "" : "; not tried")})";
            yield return $"{Indent}{Indent}{substitute.Shows}";
        }

        if (function.Suggestions.Count > 0)
            yield return $"{Indent}similarly named, and traceable: {string.Join(", ", function.Suggestions)}";
    }
}
