using System.Diagnostics;
using Faultrec.Fuzz.Inputs;

namespace Faultrec.Fuzz.Running;

/// <summary>The executable as a user runs it: every verb that reads a file of such a kind.</summary>
internal static class ProcessRun
{
    private const long MostBytes = 1_000_000_000;
    private static readonly TimeSpan MostTime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private static readonly string[] Trace =
    [
        "info IN", "info --format json IN", "dump IN", "dump --format json IN", "report IN", "report --format json IN", "report --format markdown IN",
        "report --format csv --by region IN",
        "report --by heat IN", "report --by storm IN", "report --by phase IN", "dump --phase start IN",
        "report --by line IN", "simulate IN", "simulate --format json IN", "advise IN",
        "advise --format markdown IN", "export --to folded IN", "export --to speedscope IN", "export --to firefox IN", "export --to perfetto -o OUT --force IN",
        "export --to prefault-plan IN",
        "diff IN IN", "diff --format json WHOLE IN", "assert --max-major 0 IN",
        "assert --region x:max-faults=1 --min-huge-share 0.5 --allow-incomplete --format junit IN", "query IN SELECT_kind,_count(*)_FROM_faults_GROUP_BY_kind",
        "query IN SELECT_*_FROM_faults", "query IN SELECT_*_FROM_regions", "query IN SELECT_*_FROM_processes", "symbolize -o OUT IN",
        "replay --speed max IN", "replay --thp never --populate all --threads 2 --format json IN", "replay --order strict --scale 3 --page-size 64KiB IN",
    ];

    private static readonly Dictionary<string, string[]> Verbs = new()
    {
        ["trace"] = Trace,
        ["spool"] = ["recover --force -o OUT IN"],
        ["plan"] = ["prefault IN -- /bin/true"],
        ["perf"] = ["import --force -o OUT IN"],
        ["systing"] = ["import --force -o OUT IN"],
        ["budgets"] = ["assert WHOLE --budgets IN"],
        ["elf"] = ["symbolize --debug-dir DEBUG -o OUT WHOLE"],
    };

    public static Summary Run(FuzzOptions options)
    {
        var summary = new Summary(options);
        var folder = Directory.CreateTempSubdirectory("faultrec-fuzz-");
        try
        {
            using var targets = new Targets(folder.FullName);
            var clock = Stopwatch.StartNew();
            for (var number = options.First; number < options.First + options.Count && (options.Limit is not { } limit || clock.Elapsed < limit); number++)
            {
                var dice = new Dice(options.Seed, number);
                var kind = options.Kind ?? (dice.OneIn(3) ? dice.Of(Targets.Kinds) : "trace");
                var input = targets.Make(kind, dice);
                One(options.Executable, targets, kind, number, input, dice.Of(Verbs[kind]), folder.FullName, summary);
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        return summary;
    }

    private static void One(string executable, Targets targets, string kind, long number, byte[] input, string line, string folder, Summary summary)
    {
        var (cpu, _) = Children.Usage();
        var output = Path.Combine(folder, "output.parquet");
        string[] words = [.. line.Split(' ').Select(word => word switch
        {
            "IN" => targets.FileOf(kind),
            "OUT" => output,
            "WHOLE" => targets.WholeTrace,
            "DEBUG" => targets.DebugFolder,
            _ => word.Replace('_', ' '),
        })];
        if (Start(executable, words, folder) is not (var status, { } error))
        {
            summary.Fail(number, kind, input, $"{line}: no answer after {Patience}");
            return;
        }

        var (cpuThen, peak) = Children.Usage();
        var took = cpuThen - cpu; // a loaded machine makes nobody guilty
        var before = summary.MostBytes;
        summary.Add($"{line.Split(' ')[0]} {status}", took, peak);
        if (status is < 0 or > 5)
            summary.Fail(number, kind, input, $"{line}: exit {status}: {error}");
        else if (error.Contains("   at ", StringComparison.Ordinal))
            summary.Fail(number, kind, input, $"{line}: a stack trace: {error}");
        if (took > MostTime)
            summary.Fail(number, kind, input, $"{line}: took {took}");
        if (summary.MostBytes > Math.Max(MostBytes, before))
            summary.Fail(number, kind, input, $"{line}: took {summary.MostBytes >> 20} MiB");
        // What is made of whatever input, a report reads.
        if (status == 0 && line.Contains("-o OUT", StringComparison.Ordinal) && !line.StartsWith("export", StringComparison.Ordinal)
            && Start(executable, ["info", output], folder) is (not 0, var refusal))
        {
            summary.Fail(number, kind, input, $"{line}: made a trace that is refused: {refusal}");
        }
    }

    /// <returns>Null error: it was ended after <see cref="Patience"/>.</returns>
    private static (int Status, string? Error) Start(string executable, string[] words, string folder)
    {
        var start = new ProcessStartInfo(executable, words)
        {
            RedirectStandardError = true,
            RedirectStandardOutput = true,
            RedirectStandardInput = true,
            WorkingDirectory = folder
        };
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var drained = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
        var error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            return (-1, null);
        }

        drained.GetAwaiter().GetResult();
        return (process.ExitCode, error.GetAwaiter().GetResult());
    }
}
