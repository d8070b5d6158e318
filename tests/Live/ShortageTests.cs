using System.Globalization;
using Faultrec.Traces.Metadata;

namespace Faultrec.Live.Tests;

/// <summary>Limits of cgroups that a program meets, against the kernel's own files.</summary>
public sealed class ShortageTests : LiveTest
{
    private const string MemoryController = "/sys/fs/cgroup/memory";
    private const long LimitBytes = 8 << 20;

    private readonly string _cgroup = $"{MemoryController}/faultrec-test-{Environment.ProcessId}";

    /// <summary>A file of twice the limit: its pages are taken again, and the limit is met.</summary>
    [Fact]
    public void ALimitThatIsMetIsCounted()
    {
        var before = 0L;
        var pressure = RecordInCgroup(() => before = Counter("memory.failcnt"), $"read line; exec {Checkout.Fixture("cold_read")} 4096");

        Assert.Equal(
            (Path.GetFileName(_cgroup), "memory.limit_in_bytes", LimitBytes),
            (Path.GetFileName(pressure.Cgroup), pressure.Limit, pressure.LimitBytes));
        Assert.Equal(Counter("memory.failcnt") - before, pressure.LimitHits);
        Assert.True(pressure.LimitHits > 0);
        Assert.Equal(0, pressure.OomKills);
    }

    [Fact]
    public void AKillForLackOfMemoryLeadsTheFirstScreen()
    {
        var pressure = RecordInCgroup(() => { }, $"read line; exec {Checkout.Fixture("seq_touch")} 32");

        Assert.Equal(1, pressure.OomKills);
        Assert.Contains("oom_kill 1\n", File.ReadAllText($"{_cgroup}/memory.oom_control"), StringComparison.Ordinal);
        var wide = InFolder with { Environment = new Dictionary<string, string?> { ["COLUMNS"] = "160" } };
        var screen = Running.ToEnd(wide, Checkout.Faultrec, "report", TracePath).Output;
        Assert.Matches(@"\n *The kernel killed 1 process of cgroup \S+, memory\.limit_in_bytes 8\.0 MiB, for lack of memory \(OOM\)", screen);
    }

    protected override void Cleanup()
    {
        if (Directory.Exists(_cgroup))
            Running.Until(TryRemove, "its cgroup is empty");
    }

    private MemoryPressure RecordInCgroup(Action beforeStart, string script)
    {
        if (!File.Exists($"{MemoryController}/memory.limit_in_bytes"))
            Assert.Skip("no cgroup v1 memory controller here");
        Directory.CreateDirectory(_cgroup);
        File.WriteAllText($"{_cgroup}/memory.limit_in_bytes", LimitBytes.ToString(CultureInfo.InvariantCulture));
        using var shell = Running.Start(InFolder, "sh", "-c", $"echo $$ > {_cgroup}/cgroup.procs; echo ready; {script}");
        shell.ReadLine();
        beforeStart();
        using var recorder = StartRecording("--pid", $"{shell.Pid}");
        shell.WriteByte();
        shell.Wait();
        Assert.Equal(0, recorder.Wait().Status);
        return Rows.Read(TracePath).Metadata.Pressure!;
    }

    private long Counter(string name) => long.Parse(File.ReadAllText($"{_cgroup}/{name}"), CultureInfo.InvariantCulture);

    private bool TryRemove()
    {
        try
        {
            Directory.Delete(_cgroup);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
