using System.Collections.Concurrent;
using System.Globalization;

namespace Faultrec.Fuzz.Running;

/// <summary>What a run has found.</summary>
internal sealed class Summary(FuzzOptions options)
{
    private readonly ConcurrentDictionary<string, int> _outcomes = new();
    private int _failures;
    private long _inputs;

    public int Failures => _failures;

    public long Inputs => _inputs;

    public TimeSpan Longest { get; private set; }

    public long MostBytes { get; private set; }

    public void Add(string outcome, TimeSpan took, long bytes)
    {
        Interlocked.Increment(ref _inputs);
        _outcomes.AddOrUpdate(outcome, 1, (_, count) => count + 1);
        (Longest, MostBytes) = (took > Longest ? took : Longest, Math.Max(MostBytes, bytes));
    }

    /// <summary>Tells what makes the input again, and keeps it.</summary>
    public void Fail(long number, string kind, byte[] input, string problem)
    {
        Interlocked.Increment(ref _failures);
        Directory.CreateDirectory(options.Keep);
        var file = Path.Combine(options.Keep, string.Create(CultureInfo.InvariantCulture, $"{options.Seed}-{number}-{kind}"));
        File.WriteAllBytes(file, input);
        var more = (options.AsProcesses ? " --processes" : "") + (options.Kind is null ? "" : $" --kind {options.Kind}");
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"FAILED {kind}: {problem}\n  again: fuzz --seed {options.Seed} --only {number}{more}; input: {file}"));
    }

    public override string ToString()
    {
        var outcomes = string.Join(", ", _outcomes.OrderBy(outcome => outcome.Key, StringComparer.Ordinal).Select(outcome => $"{outcome.Key} {outcome.Value}"));
        return string.Create(CultureInfo.InvariantCulture,
            $"{_inputs} inputs of seed {options.Seed} from {options.First}: {_failures} failures; "
            + $"longest {Longest.TotalSeconds:0.00} s, most {MostBytes >> 20} MiB; {outcomes}");
    }
}
