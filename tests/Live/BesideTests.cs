using System.Buffers.Binary;

namespace Faultrec.Live.Tests;

/// <summary>What other tools record is the same whether faultrec records beside them or not.</summary>
public sealed class BesideTests : LiveTest
{
    private const string Mib = "8";
    private const int Pages = 2048;

    private string? _cgroup;

    /// <summary>
    /// A plain session of perf on a program of its own, before, during and after a recording of anything; and one on the very process
    /// that is recorded.
    /// </summary>
    [Theory]
    [InlineData("--all")]
    [InlineData("--comm")]
    [InlineData("--cgroup")]
    [InlineData("--pid")]
    [InlineData("--")]
    public void PerfsRecordsAreAsTheyWere(string target)
    {
        using var watched = Running.Start(Checkout.Fixture("wait_then_touch"), "1", "500");
        watched.ReadLine();
        AssertPerfIsWell("before", "--", Checkout.Fixture("seq_touch"), Mib);

        using var recorder = StartRecording(target, Arguments(target, watched.Pid));
        AssertPerfIsWell("during", "--", Checkout.Fixture("seq_touch"), Mib);
        Assert.Equal(0, Running.ToEnd("mkfifo", Folder["control"], Folder["answer"]).Status);
        using (var perf = Running.Start(
            InFolder, "perf",
            ["record", .. Plain, "-o", Folder["attached"], "-D", "-1", "--control", $"fifo:{Folder["control"]},{Folder["answer"]}",
                "-p", $"{watched.Pid}"]))
        {
            File.WriteAllText(Folder["control"], "enable\n");
            using (var answer = new StreamReader(Folder["answer"]))
                Assert.StartsWith("ack", answer.ReadLine());
            watched.WriteByte();
            watched.ReadLine();
            watched.WriteByte();
            Assert.Equal(0, watched.Wait().Status);
            Assert.Equal(0, perf.Wait().Status);
        }

        AssertReadable("attached");
        if (target is "--")
            recorder.WriteByte();
        else if (target is not "--pid") // that one has ended with its process
            recorder.Signal(Running.Sigint);
        _ = recorder.Wait();

        AssertPerfIsWell("after", "--", Checkout.Fixture("seq_touch"), Mib);
        Assert.True(Rows.Read(TracePath).Receipt is { Lost: 0, LostSideband: 0 });
    }

    /// <summary>Two of our own at once: both know the files of the mappings, by inode and build id.</summary>
    [Fact]
    public void ASecondRecordingIsAsWholeAsTheFirst()
    {
        using var machine = StartRecording("--all");
        var second = Folder["second.parquet"];
        var command = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "-o", second, "--", Checkout.Fixture("seq_touch"), Mib);
        Assert.Equal(0, command.Status);
        machine.Signal(Running.Sigint);
        Assert.Equal(0, machine.Wait().Status);

        var (own, all) = (Rows.Read(second), Rows.Read(TracePath));
        AssertWhole(own);
        var code = own.Metadata.Regions.Where(region => region is { Path: not null, Prot: "r-xp" }).ToList();
        Assert.NotEmpty(code);
        Assert.All(code, region => Assert.True(region is { Inode: > 0, BuildId.Length: > 0 }, region.Name));
        var pid = own.All[0].Pid;
        Assert.All(
            code.Where(region => own.All.Any(row => row.Region == region)),
            region => Assert.Contains(
                all.Metadata.Regions,
                other => other.Pid == pid && other.Start == region.Start && other.Inode == region.Inode && other.BuildId == region.BuildId));
    }

    protected override void Cleanup()
    {
        if (_cgroup is not null)
            Directory.Delete(_cgroup);
    }

    private static string[] Plain => ["-q", "-B", "-N", "-e", "minor-faults,major-faults", "-c", "1", "-d"];

    private string[] Arguments(string target, int pid)
    {
        switch (target)
        {
            case "--comm":
                return ["wait_then*"];
            case "--cgroup":
                var mount = File.ReadLines("/proc/self/mounts").Select(line => line.Split(' ')).First(fields => fields[2] == "cgroup2")[1];
                _cgroup = Path.Combine(mount, $"faultrec-beside-{Environment.ProcessId}");
                Directory.CreateDirectory(_cgroup);
                File.WriteAllText(Path.Combine(_cgroup, "cgroup.procs"), $"{pid}\n");
                return [_cgroup];
            case "--pid":
                return [$"{pid}"];
            case "--":
                return ["sh", "-c", "read line"];
            default:
                return [];
        }
    }

    private void AssertPerfIsWell(string name, params string[] arguments)
    {
        var recorded = Running.ToEnd(InFolder, "perf", ["record", .. Plain, "-o", Folder[name], .. arguments]);
        Assert.Equal(0, recorded.Status);
        Assert.InRange(AssertReadable(name), Pages, int.MaxValue);
    }

    /// <returns>Faults in it.</returns>
    private int AssertReadable(string name)
    {
        Assert.Equal(0, FlaggedMappings(Folder[name]));
        var script = Running.ToEnd(InFolder, "perf", "script", "-i", Folder[name]);
        Assert.True(script.Status == 0, $"{name}: perf script ends with {script.Status}: {script.Error}");
        return script.Output.Count(character => character == '\n');
    }

    /// <summary>Records of mappings with the flag of build ids (PERF_RECORD_MISC_MMAP_BUILD_ID), for which this session has not asked.</summary>
    private static int FlaggedMappings(string path)
    {
        const int dataSection = 40, mmap2 = 10, buildId = 1 << 14;
        var file = File.ReadAllBytes(path);
        Assert.Equal("PERFILE2"u8, file.AsSpan(0, 8));
        var at = (int)BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(dataSection));
        var end = at + (int)BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(dataSection + 8));
        var (mappings, flagged) = (0, 0);
        while (at < end)
        {
            var isMapping = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at)) == mmap2;
            mappings += isMapping ? 1 : 0;
            flagged += isMapping && (BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(at + 4)) & buildId) != 0 ? 1 : 0;
            at += BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(at + 6));
        }

        Assert.NotEqual(0, mappings);
        return flagged;
    }
}
