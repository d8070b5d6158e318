using System.Diagnostics;
using Faultrec.Fuzz.Inputs;
using Faultrec.Recorder.Symbols;
using Faultrec.Traces;

namespace Faultrec.Fuzz.Running;

/// <summary>Readers, decoders and parsers in this process: thousands of inputs a minute.</summary>
internal static class InProcessRun
{
    private const long MostBytes = 1L << 30;
    private static readonly TimeSpan MostTime = TimeSpan.FromSeconds(10);

    public static Summary Run(FuzzOptions options)
    {
        var summary = new Summary(options);
        var folder = Directory.CreateTempSubdirectory("faultrec-fuzz-");
        try
        {
            using var targets = new Targets(folder.FullName);
            var clock = Stopwatch.StartNew();
            using var watch = new Watch(MostTime, summary);
            for (var number = options.First; number < options.First + options.Count && (options.Limit is not { } limit || clock.Elapsed < limit); number++)
            {
                var dice = new Dice(options.Seed, number);
                var kind = options.Kind ?? dice.Of(Targets.Kinds);
                var input = targets.Make(kind, dice);
                watch.Begin(number, kind, input);
                One(targets, kind, number, input, dice, summary);
                watch.End();
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        return summary;
    }

    private static void One(Targets targets, string kind, long number, byte[] input, Dice dice, Summary summary)
    {
        var childrenBefore = Children.Usage().Peak;
        var before = GC.GetTotalAllocatedBytes();
        var cpu = targets.CpuTime;
        var outcome = "read";
        try
        {
            targets.Read(kind, dice);
        }
        catch (FaultrecException e) when (e.ExitCode is ExitCode.BadInput or ExitCode.Usage or ExitCode.NotPermitted or ExitCode.Incomplete)
        {
            outcome = "refused";
            if (e.Message.Contains('\n', StringComparison.Ordinal))
                summary.Fail(number, kind, input, $"a refusal of more than a line: {e.Message}");
        }
        catch (BadElfException e)
        {
            outcome = e is LostElfWorkerException ? "lost the process for it" : "refused";
        }
        catch (Exception e)
        {
            outcome = "crashed";
            summary.Fail(number, kind, input, e.ToString());
        }

        var bytes = GC.GetTotalAllocatedBytes() - before;
        // A process that ends now can have met the file some inputs before.
        if (Children.Usage().Peak is var peak && peak > Math.Max(MostBytes, childrenBefore))
            summary.Fail(number, kind, input, $"a process of ours took {peak >> 20} MiB");
        // A loaded machine makes nobody guilty.
        var took = targets.CpuTime - cpu;
        summary.Add($"{kind} {outcome}", took, bytes);
        if (bytes > MostBytes)
            summary.Fail(number, kind, input, $"took {bytes >> 20} MiB");
        if (took > MostTime)
            summary.Fail(number, kind, input, $"took {took}");
    }

    /// <summary>Ends the process when an input never ends.</summary>
    private sealed class Watch : IDisposable
    {
        private const int Patience = 12;

        private readonly Timer _timer;
        private readonly Lock _lock = new();
        private (long Number, string Kind, byte[] Input, long Started)? _current;

        public Watch(TimeSpan most, Summary summary)
            => _timer = new Timer(_ => Look(most * Patience, summary), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));

        public void Begin(long number, string kind, byte[] input)
        {
            lock (_lock)
                _current = (number, kind, input, Stopwatch.GetTimestamp());
        }

        public void End()
        {
            lock (_lock)
                _current = null;
        }

        public void Dispose() => _timer.Dispose();

        private void Look(TimeSpan most, Summary summary)
        {
            lock (_lock)
            {
                if (_current is not { } current || Stopwatch.GetElapsedTime(current.Started) < most)
                    return;
                summary.Fail(current.Number, current.Kind, current.Input, $"has no answer after {most}");
                Console.WriteLine(summary);
                Environment.Exit(1);
            }
        }
    }
}
