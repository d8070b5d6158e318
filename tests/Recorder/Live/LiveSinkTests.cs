using System.Runtime.InteropServices;
using Faultrec.Recorder.Live;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Testing;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Recorder.Tests.Live;

/// <summary>Frames as the drain loop appends them, and what comes out for the view.</summary>
public sealed class LiveSinkTests
{
    private const long T0 = SpoolStory.StartNs;
    private const int Pid = SpoolStory.Command;
    private const long PassNs = 20_000_000;

    [Fact]
    public void FaultsOfTwoCpusComeInOrderOnePassAfterTheirs()
    {
        var live = new LiveStory();
        live.Pass(0, () =>
        {
            live.Faults(0, SpoolStory.Fault(100, 1), SpoolStory.Fault(300, 3));
            live.Faults(1, SpoolStory.Fault(200, 2));
        });
        Assert.Empty(live.Taken());
        live.Pass(PassNs);
        Assert.Empty(live.Taken());
        live.Pass(2 * PassNs);
        Assert.Equal(["100", "200", "300"], live.Taken());
    }

    /// <summary>A fault that slept is told when it ended, after faults that began later; nothing waits for it.</summary>
    [Fact]
    public void AFaultThatSleptComesLate()
    {
        var live = new LiveStory();
        live.Pass(0, () => live.Faults(0, SpoolStory.Fault(200, 2)));
        live.Pass(2 * PassNs);
        Assert.Equal(["200"], live.Taken());
        live.Pass(3 * PassNs, () => live.Faults(1, SpoolStory.Fault(100, 1)));
        Assert.Equal(["100"], live.Taken());
    }

    [Fact]
    public void NamesAndRegionsAreThoseOfTheMoment()
    {
        var live = new LiveStory();
        live.Pass(0, () =>
        {
            live.Faults(0, SpoolStory.Fault(150, 0x10008), SpoolStory.Fault(350, 0x10008), SpoolStory.Fault(450, 0x99999));
            live.Sideband(0, new PerfRecords()
                .Comm(T0 + 50, Pid, Pid, "one").Mmap2(T0 + 100, Pid, 0x10000, 0x20000, "/a", inode: 5, fileOffset: 0x3000)
                .Comm(T0 + 200, Pid, Pid, "two").Mmap2(T0 + 300, Pid, 0x10000, 0x20000, "//anon"));
        });
        live.End(PassNs);
        Assert.Equal(["150 one /a#1 page 3", "350 two [anon]#2", "450 two ?"], live.Taken(withNames: true));
    }

    /// <summary>What is drained last is shown, however fresh.</summary>
    [Fact]
    public void TheEndLeavesNothing()
    {
        var live = new LiveStory();
        live.Pass(0, () => live.Faults(0, SpoolStory.Fault(100, 1)));
        live.Pass(PassNs, () => live.Faults(0, SpoolStory.Fault(PassNs + 100, 2)));
        live.End(PassNs + 200);
        Assert.Equal(["100", $"{PassNs + 100}"], live.Taken());
        Assert.True(live.Queue.IsFinished);
        Assert.Equal(PassNs + 200, live.Sink.EndNs);
        Assert.Equal(2, live.Sink.Faults);
    }

    /// <summary>Two batches of four rows: what comes while both wait is counted, and told before the next that is shown.</summary>
    [Fact]
    public void ASlowViewMissesFaultsAndIsToldHowMany()
    {
        var live = new LiveStory(maxBatches: 2, rowsEach: 4);
        live.Pass(0, () => live.Faults(0, [.. Enumerable.Range(1, 11).Select(n => SpoolStory.Fault(n, (ulong)n))]));
        live.Pass(2 * PassNs);
        Assert.Equal(["1", "2", "3", "4"], live.Taken(batches: 1));
        live.Pass(3 * PassNs, () => live.Faults(0, SpoolStory.Fault((2 * PassNs) + 7, 12)));
        live.End(4 * PassNs);
        Assert.Equal(["5", "6", "7", "8", "(3 not shown)", $"{(2 * PassNs) + 7}"], live.Taken());
        Assert.Equal(12, live.Sink.Faults);
    }

    [Fact]
    public void WhatIsMissedLastIsToldAtTheEnd()
    {
        var live = new LiveStory(maxBatches: 1, rowsEach: 2);
        live.Pass(0, () => live.Faults(0, SpoolStory.Fault(1, 1), SpoolStory.Fault(2, 2), SpoolStory.Fault(3, 3)));
        live.End(PassNs);
        Assert.Equal(["1", "2", "(1 not shown)"], live.Taken());
    }

    /// <summary>A view that takes its time gets few full batches, not many with a fault each.</summary>
    [Fact]
    public void FewFaultsAPassDoNotUseUpTheBatches()
    {
        var live = new LiveStory(maxBatches: 3, rowsEach: 100);
        for (var pass = 0; pass < 200; pass++)
        {
            var timeNs = pass * PassNs;
            live.Pass(timeNs, () => live.Faults(0, SpoolStory.Fault(timeNs, 1)));
        }

        live.End(200 * PassNs);
        Assert.Equal(200, live.Taken().Count(word => !word.StartsWith('(')));
    }

    [Fact]
    public void WhatTheRingsLostIsTold()
    {
        var live = new LiveStory();
        live.Pass(0, () => live.Append(SpoolRecordType.Loss, 1, new LossRecord { TimeNs = T0, Lost = 56 }));
        live.End(PassNs);
        Assert.Equal(["(56 lost)"], live.Taken());
        Assert.Equal((0L, 56L), (live.Sink.Faults, live.Sink.Lost));
    }

    [Fact]
    public void AFailedFaultIsShownAndCounted()
    {
        var live = new LiveStory();
        live.Pass(0, () => live.Append(SpoolRecordType.Event, 0, new EventRecord
        {
            Type = EventType.FaultFailed,
            TimeNs = T0 + 900,
            Pid = Pid,
            Tid = Pid,
            A0 = T0 + 100,
            A1 = 0xdead,
            A3 = (6L << 32) | 11,
        }));
        live.End(PassNs);
        Assert.Equal(["100 SIG11"], live.Taken());
        Assert.Equal((1L, 1L), (live.Sink.Faults, live.Sink.Failed));
    }

    [Fact]
    public void AGoneReaderEndsTheCapture()
    {
        var live = new LiveStory();
        Assert.Null(live.Pass(0));
        live.Sink.EndForGoneReader();
        Assert.Equal(LiveSink.ReaderGone, live.Pass(PassNs));
    }

    /// <summary>
    /// Hours of a machine that compiles: processes fork, map, fault and end, with pids that are used again after 30,000. Only those of
    /// the last second are held.
    /// </summary>
    [Fact]
    public void EndedTasksAreForgotten()
    {
        const int processes = 60_000;
        const int aPass = 20;
        var live = new LiveStory();
        var most = 0;
        for (var first = 0; first < processes; first += aPass)
        {
            var passNs = first / aPass * PassNs;
            var records = new PerfRecords();
            var faults = new List<FaultRecord>();
            for (var i = 0; i < aPass; i++)
            {
                var (pid, timeNs) = (1000 + ((first + i) % 30_000), passNs + (i * 1000));
                records.Fork(T0 + timeNs, pid, pid, Pid, Pid).Comm(T0 + timeNs + 1, pid, pid, $"cc{first + i}", exec: true)
                    .Mmap2(T0 + timeNs + 2, pid, 0x10000, 0x20000, $"/tmp/{first + i}.o", inode: 7)
                    .Exit(T0 + timeNs + 500, pid, pid).Exit(T0 + timeNs + 501, pid, pid);
                faults.Add(SpoolStory.Fault(timeNs + 100, 0x10008, pid, pid));
            }

            live.Pass(passNs, () =>
            {
                live.Sideband(0, records);
                live.Faults(0, [.. faults]);
            });
            most = Math.Max(most, live.Sink.TasksHeld);
            Assert.All(live.Taken(withNames: true), row => Assert.Matches(@"^\d+ cc(\d+) /tmp/\1\.o#\d+ page 0$", row));
        }

        const int aSecond = 50 * aPass;
        Assert.InRange(most, aSecond, 2 * (aSecond + (4 * aPass)) + 2);
    }

    /// <summary>A sink, its queue, and frames for it.</summary>
    private sealed class LiveStory
    {
        public LiveStory(int maxBatches = 4, int rowsEach = 64)
        {
            Queue = new BatchQueue(maxBatches, rowsEach);
            Sink = new LiveSink(Queue, metadata => Assert.Equal(T0, metadata.ClockStartNs));
            Sink.Append(SpoolRecordType.Header, SpoolStory.Header(), SpoolJson.Default.SpoolHeader);
        }

        public BatchQueue Queue { get; }

        public LiveSink Sink { get; }

        public string? Pass(long timeNs, Action? frames = null)
        {
            Append(SpoolRecordType.Pass, 0, new PassRecord { TimeNs = T0 + timeNs });
            frames?.Invoke();
            return Sink.EndPass(T0 + timeNs);
        }

        public void Faults(int cpu, params ReadOnlySpan<FaultRecord> faults) => Sink.Append(SpoolRecordType.Faults, cpu, MemoryMarshal.AsBytes(faults));

        // In two parts, as a ring that wraps gives them.
        public void Sideband(int cpu, PerfRecords records)
        {
            var bytes = records.ToArray();
            Sink.Append(SpoolRecordType.Sideband, cpu, bytes.AsSpan(0, bytes.Length / 3), bytes.AsSpan(bytes.Length / 3));
        }

        public void Append<T>(SpoolRecordType type, int cpu, T value)
            where T : unmanaged
            => Sink.Append(type, cpu, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));

        public void End(long timeNs)
        {
            Sink.Append(SpoolRecordType.End,
                new SpoolEnding { TimeNs = T0 + timeNs, EndReason = "exited", Counts = new CaptureCounts { Receipt = new Receipt { Events = 0 } } },
                SpoolJson.Default.SpoolEnding);
            _ = Sink.EndPass(T0 + timeNs);
            Sink.Complete();
        }

        /// <summary>What waits for the view, in words.</summary>
        public List<string> Taken(int batches = int.MaxValue, bool withNames = false)
        {
            var words = new List<string>();
            while (batches-- > 0 && Queue.TryTake(0, out var delivery, out _))
            {
                if (delivery.Before.NotShown > 0)
                    words.Add($"({delivery.Before.NotShown} not shown)");
                if (delivery.Before.Lost > 0)
                    words.Add($"({delivery.Before.Lost} lost)");
                for (var i = 0; i < delivery.Faults.Count; i++)
                    words.Add(Words(delivery, i, withNames));
                Queue.Return(delivery.Faults);
            }

            return words;
        }

        private static string Words(Delivery delivery, int i, bool withNames)
        {
            var rows = delivery.Faults;
            var text = $"{rows.TimeNs[i]}{(rows.Signal[i] > 0 ? $" SIG{rows.Signal[i]}" : "")}";
            if (!withNames)
                return text;
            var region = rows.RegionId[i] == 0 ? "?" : $"{rows.Region[i]}#{rows.RegionId[i]}";
            return $"{text} {rows.Comm[i]} {region}{(rows.FilePage[i] >= 0 ? $" page {rows.FilePage[i]}" : "")}";
        }
    }
}
