using System.Globalization;
using Faultrec.Traces.Metadata;

namespace Faultrec.Live.Tests;

/// <summary>The kernel's counters of the recorded processes' memory; beside them what /proc and getrusage say to the test.</summary>
public sealed class ResidentMemoryTests : LiveTest
{
    private const int Slices = 3, Pages = 4096;
    private const long TouchedBytes = (long)Slices * Pages * 4096;

    /// <summary>Before, the kernel tells the probes of the end after the memory is gone.</summary>
    private static readonly bool SeesMemoryAtExit = Environment.OSVersion.Version >= new Version(6, 16);

    private static readonly string[] TouchAndHold = [Checkout.Fixture("wait_then_touch"), $"{Slices - 1}", $"{Pages}"];

    /// <summary>Its last program is smaller than the one before; ru_maxrss is that of the largest child.</summary>
    private const string RunsAChild = """
        import os, resource, subprocess, sys
        grown = "x = bytearray(80 << 20); import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
        subprocess.run([sys.executable, "-c", grown, *sys.argv[1:]], check=True, stdout=subprocess.DEVNULL)
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
        """;

    [Fact]
    public void ACommandsMemoryEndsAsItWasWhenItEnded()
    {
        using var recorder = Running.Start(InFolder, Checkout.Faultrec, ["record", "-o", TracePath, "--", .. TouchAndHold]);
        recorder.ReadLine();
        recorder.WriteByte();
        var pid = (int)Number(Said(recorder.ReadLine()), "pid");
        var (anonBytes, fileBytes, peakBytes) = (Status(pid, "RssAnon"), Status(pid, "RssFile"), Status(pid, "VmHWM"));
        recorder.WriteByte();
        Assert.Equal(0, recorder.Wait().Status);

        var memory = Of(pid);

        Assert.True(anonBytes >= TouchedBytes);
        Assert.Equal(SeesMemoryAtExit, memory.HasExit);
        if (SeesMemoryAtExit)
        {
            // What it faults in on the way out.
            const int fewPages = 32 * 4096;
            Assert.InRange(memory.AnonBytes[^1], anonBytes, anonBytes + fewPages);
            Assert.InRange(memory.FileBytes[^1], fileBytes, fileBytes + 64 * fewPages);
        }

        // The launcher, which was larger, is not in it.
        Assert.InRange(memory.PeakBytes!.Value, peakBytes, peakBytes + (8 << 20));
        Assert.True(memory.TimeNs[0] >= 0);
    }

    [Theory]
    [InlineData("--pid", null)]
    [InlineData("--comm", "wait_then_touch")]
    public void TheEndOfARecordingHasALook(string option, string? name)
    {
        using var program = Running.Start(InFolder, TouchAndHold[0], TouchAndHold[1..]);
        program.ReadLine();
        using var recorder = StartRecording(option, name ?? program.Pid.ToString(CultureInfo.InvariantCulture));
        program.WriteByte();
        program.ReadLine();
        var (anonBytes, fileBytes) = (Status(program.Pid, "RssAnon"), Status(program.Pid, "RssFile"));

        recorder.Signal(Running.Sigint);
        Assert.Equal(0, recorder.Wait().Status);
        program.WriteByte();
        program.Wait();

        var memory = Of(program.Pid);
        Assert.True(anonBytes >= TouchedBytes);
        Assert.Equal((anonBytes, fileBytes, false), (memory.AnonBytes[^1], memory.FileBytes[^1], memory.HasExit));
        Assert.True(memory.PeakBytes >= anonBytes + fileBytes);
    }

    [Fact]
    public void ThePeakIsGetrusages()
    {
        var result = Running.ToEnd(
            InFolder, Checkout.Faultrec, "record", "--no-stacks", "-o", TracePath, "--", "/usr/bin/python3", "-c", RunsAChild,
            Checkout.Fixture("seq_touch"), "4");

        Assert.Equal(0, result.Status);
        var maxrssBytes = long.Parse(result.Output, CultureInfo.InvariantCulture) << 10;
        var metadata = Rows.Read(TracePath).Metadata;
        var child = Assert.Single(metadata.Processes, process => process.Comm == "seq_touch");
        Assert.True(maxrssBytes > 80 << 20);
        // Both are what the kernel had in its counters; ours may also have what CPUs kept to themselves.
        Assert.InRange(Of(child.Pid).PeakBytes!.Value, maxrssBytes, maxrssBytes + (1 << 20));
    }

    [Fact]
    public void AKilledRecordersSpoolHasWhatWasLookedAt()
    {
        using var program = Running.Start(InFolder, TouchAndHold[0], TouchAndHold[1..]);
        program.ReadLine();
        using var recorder = StartRecording("--pid", $"{program.Pid}");
        program.WriteByte();
        program.ReadLine();
        var (spool, copy) = (TracePath + ".spool", Folder["copy.spool"]);
        Running.Until(
            () =>
            {
                File.Copy(spool, copy, overwrite: true);
                Assert.Equal(0, Running.ToEnd(InFolder, Checkout.Faultrec, "recover", copy, "--force", "-o", TracePath).Status);
                return Rows.Read(TracePath).Metadata.Memory.Any(memory => memory.AnonBytes[^1] >= TouchedBytes);
            },
            "a look has been written");
        File.Delete(TracePath);

        recorder.Signal(Running.Sigkill);
        recorder.Wait();
        program.WriteByte();
        program.Wait();

        Assert.Equal(0, Running.ToEnd(InFolder, Checkout.Faultrec, "recover", spool, "-o", TracePath).Status);
        Assert.True(Of(program.Pid).AnonBytes[^1] >= TouchedBytes);
    }

    private ProcessMemory Of(int pid) => Assert.Single(Rows.Read(TracePath).Metadata.Memory, memory => memory.Pid == pid);

    private static long Status(int pid, string key) => Running.StatusNumber(pid, key)!.Value << 10;
}
