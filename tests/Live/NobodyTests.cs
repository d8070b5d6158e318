namespace Faultrec.Live.Tests;

/// <summary>Names and cgroups without a process, and processes without a fault.</summary>
public sealed class NobodyTests : LiveTest
{
    private const string Before = "what was there before";

    private string? _cgroup;

    [Theory]
    [InlineData("record", "--comm", true)]
    [InlineData("record", "--comm", false)]
    [InlineData("record", "--cgroup", false)]
    [InlineData("trace", "--comm", false)]
    [InlineData("trace", "--cgroup", true)]
    public void ATargetThatNoProcessHadIsAMistake(string verb, string option, bool byDuration)
    {
        File.WriteAllText(TracePath, Before);
        var given = option == "--comm" ? "frt-no-such-*" : MakeCgroup();
        string[] output = verb == "record" ? ["-o", TracePath] : [];
        string[] limit = byDuration ? ["--duration", "200ms"] : [];
        using var recorder = Running.Start(InFolder, Checkout.Faultrec, [verb, .. output, .. limit, option, given]);
        Running.Until(() => recorder.ErrorSoFar.Contains("waiting", StringComparison.Ordinal), "it says that it waits");
        if (!byDuration)
            recorder.Signal(Running.Sigint);

        var result = recorder.Wait();

        Assert.Equal(2, result.Status);
        Assert.StartsWith($"faultrec: {option} {given}: no process ", result.ErrorLines[^1], StringComparison.Ordinal);
        Assert.Equal(2, result.ErrorLines.Length);
        Assert.Equal(["trace.parquet"], Folder.Names);
        Assert.Equal(Before, File.ReadAllText(TracePath));
    }

    [Theory]
    [InlineData("--comm")]
    [InlineData("--cgroup")]
    public void AProcessWithoutAFaultIsAnEmptyRecording(string option)
    {
        using var program = Running.Start(Checkout.Fixture("wait_then_touch"), "1", "1");
        program.ReadLine();
        var given = option == "--comm" ? "wait_then_touc?" : MakeCgroup();
        if (_cgroup is not null)
            File.WriteAllText(Path.Combine(_cgroup, "cgroup.procs"), $"{program.Pid}");

        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "-o", TracePath, "--duration", "200ms", option, given);

        Assert.Equal(0, result.Status);
        Assert.DoesNotContain("waiting", result.Error, StringComparison.Ordinal);
        Assert.Contains(": complete: 0 faults captured, 0 lost", result.ErrorLines[0], StringComparison.Ordinal);
        Assert.Empty(Rows.Read(TracePath).All);
        Assert.Contains("no faults", Running.ToEnd(InFolder, Checkout.Faultrec, "report").Output, StringComparison.Ordinal);
    }

    /// <summary>It is gone before anybody looks; its faults, and the record of its name, say that it was there.</summary>
    [Fact]
    public void AProcessThatHasEndedWasThere()
    {
        File.Copy(Checkout.Fixture("exit_status"), Folder["frt-brief"]);
        using var recorder = StartRecording("--comm", "frt-brief");
        _ = Running.ToEnd(Folder["frt-brief"], "0");
        recorder.Signal(Running.Sigint);

        Assert.Equal(0, recorder.Wait().Status);
        Assert.NotEmpty(Rows.Read(TracePath).All);
    }

    protected override void Cleanup()
    {
        if (_cgroup is null)
            return;
        Running.Until(() => File.ReadAllText(Path.Combine(_cgroup, "cgroup.procs")).Length == 0, "the cgroup is empty");
        Directory.Delete(_cgroup);
    }

    private string MakeCgroup()
    {
        var mount = File.ReadLines("/proc/self/mounts").Select(line => line.Split(' ')).First(fields => fields[2] == "cgroup2")[1];
        return _cgroup = Directory.CreateDirectory(Path.Combine(mount, $"faultrec-test-{Environment.ProcessId}")).FullName;
    }
}
