using Faultrec.Recorder.Finalize;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Perf;
using Faultrec.Recorder.Spool;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Testing;
using Xunit;

namespace Faultrec.Recorder.Tests.Finalize;

public sealed class SpoolMergerTests
{
    private const long PassNs = 20_000_000;

    /// <summary>
    /// Three CPUs fault at once; some faults sleep for seconds and are drained long after they began. The address numbers the fault.
    /// </summary>
    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 10)]
    [InlineData(3, 1000)]
    public void FaultsComeInOrderOfTimeAndOnceEach(int seed, int sleepersInMillion)
    {
        using var story = new SpoolStory();
        var all = WriteRandom(story, new Random(seed), passes: 200, sleepersInMillion);
        var target = Merge(story, out _);
        Assert.Equal(all.OrderBy(timeNs => timeNs), target.Faults.Select(fault => fault.TimeNs));
        Assert.Equal(Enumerable.Range(0, all.Count), target.Faults.Select(fault => (int)fault.Address).Order());
        Assert.All(target.Faults, fault => Assert.Equal(all[(int)fault.Address], fault.TimeNs));
        var rows = new FinalizeProgress(FinalizeStep.WritingRows, all.Count, all.Count);
        Assert.Equal(rows, target.Progress[^1]);
        Assert.Equal(target.Progress.OrderBy(progress => (progress.Step, progress.Done)), target.Progress);
        Assert.Contains(target.Progress, progress => progress.Step == FinalizeStep.ReadingSpool && progress.Done > 0 && progress.Done < progress.Total);
    }

    /// <summary>Ten times the recording, the same memory: what two margins and a batch bring, here 480 faults a pass and CPU.</summary>
    [Fact]
    public void MemoryDoesNotGrowWithTheRecording()
    {
        var held = new List<int>();
        foreach (var passes in new[] { 150, 600 })
        {
            using var story = new SpoolStory();
            var all = WriteRandom(story, new Random(4), passes, 0);
            Assert.True(all.Count > passes * 1200);
            Merge(story, out var merger);
            held.Add(merger.MostHeld);
        }

        const int batch = 64 * 1024;
        const int margin = 7 * 3 * 480;
        Assert.InRange(held[1], batch, batch + (2 * margin));
        Assert.InRange(held[1], held[0] - margin, held[0] + margin);
    }

    [Fact]
    public void LedgerEventComesBeforeTheFaultOfTheSameNanosecond()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Faults(0, SpoolStory.Fault(100, 1), SpoolStory.Fault(200, 2))
            .Sideband(1, new PerfRecords().Exit(SpoolStory.StartNs + 100, 1, 1).Exit(SpoolStory.StartNs + 200, 2, 2))
            .Event(200, EventType.Brk, 3, 3);
        Assert.Equal(["100 event", "100 fault", "200 event", "200 event", "200 fault"], Merge(story, out _).Log);
    }

    /// <summary>A side-band record that is drained after passes that were made long after its time still comes in its place.</summary>
    [Fact]
    public void LateLedgerEventIsMergedInItsPlace()
    {
        using var story = new SpoolStory();
        for (var pass = 0; pass < 100; pass++)
            story.Pass(pass * PassNs).Faults(0, SpoolStory.Fault((pass * PassNs) + 10, 1));
        story.Sideband(1, new PerfRecords().Exit(SpoolStory.StartNs + PassNs + 5, 1, 1));
        var log = Merge(story, out _).Log;
        Assert.Equal(101, log.Count);
        Assert.Equal([$"{10} fault", $"{PassNs + 5} event", $"{PassNs + 10} fault"], log.Take(3));
    }

    [Fact]
    public void FailedFaultIsAFaultAtItsStart()
    {
        using var story = new SpoolStory();
        story.Pass(0).Event(900, EventType.FaultFailed, 5, 6, SpoolStory.StartNs + 100, 0xdead, 0x401234, (6L << 32) | 11, (long)FaultBits.HasErrorCode);
        var fault = Assert.Single(Merge(story, out _).Faults);
        Assert.Equal((100L, 0xdeadL, 11), (fault.TimeNs, fault.Address, fault.Signal));
    }

    [Fact]
    public void LastTimeIsThatOfTheLastFaultWhenTheRecorderWasKilled()
    {
        using var story = new SpoolStory();
        story.Pass(1000).Faults(0, SpoolStory.Fault(5000, 1));
        Merge(story, out var merger);
        Assert.Null(merger.Ending);
        Assert.Equal(SpoolStory.StartNs + 5000, merger.LastTimeNs);
    }

    [Fact]
    public void LossesAreToldOnce()
    {
        using var story = new SpoolStory();
        story.Pass(0).Loss(0, 10, 5).Pass(PassNs).Loss(1, PassNs, 7);
        Assert.Equal([(0, 5L), (1, 7L)], Merge(story, out _).Losses);
    }

    /// <returns>Start of each fault, by its number.</returns>
    private static List<long> WriteRandom(SpoolStory story, Random random, int passes, int sleepersInMillion)
    {
        const int cpus = 3;
        var starts = new List<long>();
        var clock = new long[cpus];
        var asleep = new List<(long WakesNs, int Cpu, FaultRecord Fault)>();
        for (var pass = 0; pass <= passes; pass++)
        {
            var untilNs = pass == passes ? long.MaxValue : (pass + 1) * PassNs;
            story.Pass(pass * PassNs);
            for (var cpu = 0; cpu < cpus; cpu++)
            {
                var drained = asleep.Where(fault => fault.Cpu == cpu && fault.WakesNs < untilNs).Select(fault => fault.Fault).ToList();
                asleep.RemoveAll(fault => fault.Cpu == cpu && fault.WakesNs < untilNs);
                while (pass < passes && clock[cpu] < untilNs)
                {
                    clock[cpu] += 30_000 + random.Next(25_000);
                    var startNs = clock[cpu] - (random.Next(20) == 0 ? random.Next(90_000_000) : 0); // preempted in the handler
                    var fault = SpoolStory.Fault(startNs, (ulong)starts.Count);
                    starts.Add(startNs);
                    if (random.Next(1_000_000) < sleepersInMillion)
                        asleep.Add((clock[cpu] + random.NextInt64(3_000_000_000), cpu, fault));
                    else
                        drained.Add(fault);
                }

                if (drained.Count > 0)
                    story.Faults(cpu, [.. drained]);
            }
        }

        Assert.Empty(asleep);
        return starts;
    }

    private static MergeLog Merge(SpoolStory story, out SpoolMerger merger)
    {
        story.Flush();
        using var spool = new SpoolReader(story.Path);
        var log = new MergeLog();
        merger = new SpoolMerger(spool, log);
        merger.Run();
        return log;
    }

    private sealed class MergeLog : ISpoolTarget
    {
        public List<(long TimeNs, long Address, int Signal)> Faults { get; } = [];

        public List<string> Log { get; } = [];

        public List<(int Cpu, long Lost)> Losses { get; } = [];

        public List<FinalizeProgress> Progress { get; } = [];

        public void OnLedgerEvent(LedgerEvent change) => Log.Add($"{change.TimeNs - SpoolStory.StartNs} event");

        public void OnFault(in SpooledFault fault)
        {
            var timeNs = fault.Record.StartNs - SpoolStory.StartNs;
            Faults.Add((timeNs, fault.Record.Address, fault.Signal));
            Log.Add($"{timeNs} fault");
        }

        public void OnStack(in StackRecordHead head, ReadOnlySpan<ulong> ips)
        {
        }

        public void OnPythonCode(ReadOnlySpan<byte> record)
        {
        }

        public void OnMarks(SpooledMarks marks)
        {
        }

        public void OnLoss(int cpu, LossRecord loss) => Losses.Add((cpu, loss.Lost));

        public void OnProgress(FinalizeProgress progress) => Progress.Add(progress);
    }
}
