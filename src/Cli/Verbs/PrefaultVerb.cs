using System.CommandLine;
using Faultrec.Analyzer.Text;
using Faultrec.Cli.Output;
using Faultrec.Recorder.Launch;
using Faultrec.Recorder.Prefault;
using Faultrec.Traces;
using Faultrec.Traces.Plans;

namespace Faultrec.Cli.Verbs;

/// <summary>`faultrec prefault PLAN -- COMMAND…`: starts a command while the disk reads what it will fault in.</summary>
internal static class PrefaultVerb
{
    private const string Name = "prefault";
    private const int MostPairs = 1000;

    public static Command Create()
    {
        var plan = new Argument<string>("PLAN") { Description = "A plan made by faultrec export TRACE --to prefault-plan" };
        var command = new Argument<string[]>(TargetOptions.CommandArgument)
        {
            Description = "The command to start; best after --",
            Arity = ArgumentArity.ZeroOrMore
        };
        var compare = TypedOption.Number("--compare", "N", "Instead, time N cold starts without the plan and N with it", 1, MostPairs);
        var verb = new Command(Name, "Start a command while the files in its plan are read from disk") { plan, command, compare };
        verb.SetAction(result =>
        {
            var (path, words) = (result.GetRequiredValue(plan), result.GetValue(command) ?? []);
            if (words.Length == 0)
                throw new FaultrecException(ExitCode.Usage, $"{Name} needs a command after the plan: faultrec {Name} PLAN -- COMMAND");
            return result.GetValue(compare) is { } pairs ? Compare(path, words, pairs) : Start(path, words);
        });
        return verb;
    }

    private static int Start(string path, string[] command)
    {
        if (Problems(Prefaulter.Ask(PrefaultPlanReader.Read(path))) is { } problems)
            Say($"{path}: {problems}");
        CommandProcess.Become(command);
        return 0;
    }

    private static int Compare(string path, string[] command, int pairs)
    {
        var plan = PrefaultPlanReader.Read(path);
        var result = Prefaulter.Ask(plan);
        if (Problems(result) is { } problems)
            Say($"{path}: {problems}");
        var starts = ColdStarts.Run(plan, command, [Name, path, "--", .. command], pairs);
        OutputTarget.WriteText(Destination.Stdout, [], output => ColdStartText.Write(output, result, starts));
        return (int)ExitCode.Ok;
    }

    private static string? Problems(PrefaultResult result)
    {
        List<string> parts = [];
        if (result.Skipped.Count > 0)
        {
            var reasons = result.Skipped.OrderBy(skipped => skipped.Key).Select(skipped => $"{Units.Count(skipped.Value)} {Describe(skipped.Key)}");
            parts.Add(
                $"{Units.Of(result.Skipped.Values.Sum(), "file")} not read ({string.Join(", ", reasons)}); record again and export a new plan if these matter");
        }

        if (result.BytesWithoutRoom > 0)
            parts.Add($"{Units.Bytes(result.BytesWithoutRoom)} not read: what was read already fills half of the available memory");
        return parts.Count == 0 ? null : string.Join("; ", parts);
    }

    private static string Describe(SkipReason reason) => reason switch
    {
        SkipReason.Missing => "missing",
        SkipReason.Replaced => "replaced or changed since the recording",
        SkipReason.NotRegular => "not a regular file",
        _ => "not readable",
    };

    private static void Say(string line) => Talk.Say(Escape.Visible(line));
}
