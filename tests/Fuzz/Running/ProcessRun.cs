using System.Diagnostics;
using System.Runtime.InteropServices;
using Faultrec.Fuzz.Inputs;

namespace Faultrec.Fuzz.Running;

/// <summary>The executable as a user runs it: every verb that reads a file of such a kind.</summary>
internal static partial class ProcessRun
{
    private const long MostBytes = 1_000_000_000;
    private const int Children = -1; // RUSAGE_CHILDREN
    private const int KibibytesOfPeak = 4; // ru_maxrss, after two times of two words
    private static readonly TimeSpan MostTime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private static readonly string[] Trace =
    [
        "info IN", "info --format json IN", "dump IN", "dump --format json IN", "report IN", "report --format json IN", "report --format markdown IN", "report --format csv --by region IN",
        "simulate IN", "advise IN", "export --to folded IN", "export --to speedscope IN", "export --to firefox IN", "export --to perfetto -o OUT --force IN", "export --to prefault-plan IN",
        "diff IN IN", "assert --max-major 0 IN", "query IN SELECT_kind,_count(*)_FROM_faults_GROUP_BY_kind", "query IN SELECT_*_FROM_faults", "query IN SELECT_*_FROM_regions", "symbolize -o OUT IN", "replay --speed max IN",
    ];

    private static readonly Dictionary<string, string[]> Verbs = new()
    {
        ["trace"] = Trace,
        ["spool"] = ["recover --force -o OUT IN"],
        ["plan"] = ["prefault IN -- /bin/true"],
        ["perf"] = ["import --force -o OUT IN"],
        ["systing"] = ["import --force -o OUT IN"],
    };

    public static Summary Run(FuzzOptions options)
    {
        var summary = new Summary(options);
        var folder = Directory.CreateTempSubdirectory("faultrec-fuzz-");
        try
        {
            var targets = new Targets(folder.FullName);
            var clock = Stopwatch.StartNew();
            for (long number = options.First; number < options.First + options.Count && (options.Limit is not { } limit || clock.Elapsed < limit); number++)
            {
                var dice = new Dice(options.Seed, number);
                string kind = options.Kind ?? (dice.OneIn(3) ? dice.Of(Targets.Kinds) : "trace");
                byte[] input = targets.Make(kind, dice);
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
        var (cpu, _) = OfChildren();
        string output = Path.Combine(folder, "output.parquet");
        string[] words = [.. line.Split(' ').Select(word => word == "IN" ? targets.FileOf(kind) : word == "OUT" ? output : word.Replace('_', ' '))];
        if (Start(executable, words, folder) is not (var status, { } error))
        {
            summary.Fail(number, kind, input, $"{line}: no answer after {Patience}");
            return;
        }
        var (cpuThen, peak) = OfChildren();
        var took = cpuThen - cpu; // a loaded machine makes nobody guilty
        long before = summary.MostBytes;
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
            summary.Fail(number, kind, input, $"{line}: made a trace that is refused: {refusal}");
    }

    /// <returns>Null error: it was ended after <see cref="Patience"/>.</returns>
    private static (int Status, string? Error) Start(string executable, string[] words, string folder)
    {
        var start = new ProcessStartInfo(executable, words) { RedirectStandardError = true, RedirectStandardOutput = true, RedirectStandardInput = true, WorkingDirectory = folder };
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

    /// <returns>Time of all children so far, and the memory of the largest.</returns>
    private static unsafe (TimeSpan Cpu, long Peak) OfChildren()
    {
        // struct rusage: ru_utime, ru_stime, ru_maxrss.
        var usage = stackalloc long[18];
        if (Getrusage(Children, usage) != 0)
            throw new InvalidOperationException("getrusage fails");
        return (TimeSpan.FromSeconds(usage[0] + usage[2]) + TimeSpan.FromMicroseconds(usage[1] + usage[3]), usage[KibibytesOfPeak] << 10);
    }

    [LibraryImport("libc", EntryPoint = "getrusage")]
    private static unsafe partial int Getrusage(int who, long* usage);
}
