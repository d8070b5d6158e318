using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Faultrec.Recorder.Capture;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Testing;
using Xunit;

namespace Faultrec.Recorder.Tests.Capture;

/// <summary>Which processes' memory is looked at, and when.</summary>
public sealed class MemoryWatchTests
{
    private const string Lines = "VmHWM:\t     900 kB\nVmRSS:\t 800 kB\nRssAnon:\t 500 kB\nRssFile:\t     200 kB\nRssShmem:\t 100 kB\nVmSwap:\t       4 kB\n";

    private static readonly int Self = Environment.ProcessId;

    /// <summary>No process has this id: PID_MAX_LIMIT is 4,194,304.</summary>
    private const int Nobody = 5_000_000;

    [Theory]
    [InlineData("Name:\tprog\n" + Lines, true)]
    [InlineData("Name:\tVmHWM:\t1 kB\\nVmHWM:\t 1 kB\n" + Lines, true)]
    [InlineData("Name:\tkthread\nThreads:\t1\n", false)]
    [InlineData("Name:\tprog\nVmHWM:\t 900 kB\nRssAnon:\t 50", false)]
    [InlineData("Name:\tprog\nVmHWM:\t 99999999999999999999 kB\n", false)]
    [InlineData("", false)]
    public void LinesOfStatusAreRead(string text, bool isThere)
    {
        var memory = default(MemoryRecord);

        Assert.Equal(isThere, ProcessStatus.TryParse(Encoding.UTF8.GetBytes(text), ref memory));

        if (isThere)
        {
            Assert.Equal(
                new MemoryRecord { PeakBytes = 900 << 10, AnonBytes = 500 << 10, FileBytes = 200 << 10, ShmemBytes = 100 << 10, SwapBytes = 4 << 10 }, memory);
        }
    }

    [Theory]
    [InlineData("CoreDumping:\t0\nTHP_enabled:\t0\n", 1)]
    [InlineData("CoreDumping:\t0\nTHP_enabled:\t1\n", 0)]
    [InlineData("", 0)] // before 5.0
    public void AProcessMayRefuseHugePages(string text, int refuses)
    {
        var memory = default(MemoryRecord);

        Assert.True(ProcessStatus.TryParse(Encoding.UTF8.GetBytes("Name:\tprog\n" + Lines + text), ref memory));

        Assert.Equal(refuses, memory.ThpDisabled);
    }

    [Fact]
    public void AProcessIsReadAndOneThatIsNotThereIsNot()
    {
        var status = new ProcessStatus();

        Assert.True(status.TryRead(Self, out var memory));
        Assert.False(status.TryRead(Nobody, out _));

        // The runtime's own reading of VmHWM, before and after.
        Assert.InRange(memory.PeakBytes, memory.ResidentBytes, Process.GetCurrentProcess().PeakWorkingSet64);
    }

    /// <summary>The launcher is not the program yet.</summary>
    [Fact]
    public void ACommandIsLookedAtFromItsExecveOn()
    {
        var sink = new MemorySink();
        var watch = new MemoryWatch(sink, Self, isCommand: true);
        Append(watch, EventType.TaskNew, Self);
        watch.EndPass(1);
        Assert.Empty(sink.Looks);

        Append(watch, EventType.TaskExec, Self);
        watch.EndPass(2);

        Assert.Equal(Self, Assert.Single(sink.Looks).Pid);
    }

    [Fact]
    public void AProcessOfTheTreeIsFoundInTheSideband()
    {
        using var child = Child("cat");
        var sink = new MemorySink();
        var watch = new MemoryWatch(sink, Self, isCommand: false);
        var records = new PerfRecords().Fork(1, child.Id, child.Id, Self, Self).Fork(2, Nobody, Nobody, Self, Self).Exit(3, 1, 1).ToArray();

        watch.Append(SpoolRecordType.Sideband, 0, records.AsSpan(0, 30), records.AsSpan(30));
        watch.EndPass(1);

        Assert.Equal([Self, child.Id], sink.Looks.Select(look => look.Pid));
        End(child);
    }

    /// <summary>Of the machine, the processes whose faults are recorded.</summary>
    [Theory]
    [InlineData(SpoolRecordType.Faults)]
    [InlineData(SpoolRecordType.StackedFaults)]
    [InlineData(SpoolRecordType.DetailedFaults)]
    internal void OfTheMachineThoseWithFaultsAreLookedAt(SpoolRecordType type)
    {
        var sink = new MemorySink();
        var watch = new MemoryWatch(sink, 0, isCommand: false);
        Append(watch, EventType.TaskNew, 1);
        FaultRecord[] faults = [SpoolStory.Fault(1, 2, Nobody), SpoolStory.Fault(1, 2, Self), SpoolStory.Fault(3, 4, Self)];
        ReadOnlySpan<byte> payload = type switch
        {
            SpoolRecordType.Faults => MemoryMarshal.AsBytes(faults.AsSpan()),
            SpoolRecordType.StackedFaults => MemoryMarshal.AsBytes(faults.Select(fault => new StackedFault { Fault = fault }).ToArray().AsSpan()),
            _ => MemoryMarshal.AsBytes(faults.Select(fault => new DetailedFault { Fault = fault }).ToArray().AsSpan()),
        };

        watch.Append(type, 0, payload);
        watch.EndPass(1);

        Assert.Equal(Self, Assert.Single(sink.Looks).Pid);
    }

    /// <summary>The last look is written before the last record, whether its turn has come or not; none comes after it.</summary>
    [Fact]
    public void TheEndHasALook()
    {
        using var child = Child("cat");
        var sink = new MemorySink();
        var watch = new MemoryWatch(sink, child.Id, isCommand: false);
        watch.EndPass(1);

        watch.Append(SpoolRecordType.End, 0, []);
        watch.EndPass(2);
        End(child);

        Assert.Equal([SpoolRecordType.Memory, SpoolRecordType.Memory, SpoolRecordType.End], sink.Types);
        Assert.True(sink.Looks[1].TimeNs > sink.Looks[0].TimeNs);
    }

    /// <summary>An idle process costs the file nothing; when it does something, what it was until then is written first.</summary>
    [Fact]
    public void WhatIsUnchangedIsWrittenWhenItChanges()
    {
        using var child = Child(
            "python3", "-c", "import sys; print(1, flush=True); sys.stdin.readline(); x = bytearray(8 << 20); print(2, flush=True); sys.stdin.readline()");
        child.StandardOutput.ReadLine();
        var sink = new MemorySink();
        var watch = new MemoryWatch(sink, child.Id, isCommand: false);
        var begun = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(begun) < TimeSpan.FromSeconds(1))
            watch.EndPass(1);
        var idle = sink.Looks.Count;
        child.StandardInput.Write('\n');
        child.StandardInput.Flush();
        child.StandardOutput.ReadLine();
        while (sink.Looks[^1].AnonBytes < sink.Looks[0].AnonBytes + (8 << 20))
            watch.EndPass(2);

        Assert.InRange(idle, 1, 2);
        Assert.Equal(sink.Looks[idle - 1] with { TimeNs = sink.Looks[idle].TimeNs }, sink.Looks[idle]);
        Assert.True(sink.Looks[idle].TimeNs > sink.Looks[idle - 1].TimeNs);
        End(child);
    }

    private static void Append(MemoryWatch watch, EventType type, int pid)
    {
        var record = new EventRecord { Type = type, Pid = pid, Tid = pid };
        watch.Append(SpoolRecordType.Event, 0, MemoryMarshal.AsBytes(new ReadOnlySpan<EventRecord>(in record)));
    }

    /// <summary>Ends with its input.</summary>
    private static Process Child(string program, params string[] arguments)
        => Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true })!;

    private static void End(Process child)
    {
        child.StandardInput.Close();
        child.WaitForExit();
    }

    private sealed class MemorySink : IRecordSink
    {
        public List<MemoryRecord> Looks { get; } = [];

        public List<SpoolRecordType> Types { get; } = [];

        public void Append(SpoolRecordType type, int cpu, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> rest = default)
        {
            Types.Add(type);
            if (type == SpoolRecordType.Memory)
                Looks.AddRange(MemoryMarshal.Cast<byte, MemoryRecord>(payload));
        }

        public string? EndPass(long nowNs) => null;
    }
}
