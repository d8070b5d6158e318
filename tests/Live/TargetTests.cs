using System.Globalization;
using System.Text.Json.Nodes;

namespace Faultrec.Live.Tests;

/// <summary>Whose faults are recorded: a process again and again, a name, a cgroup, the machine.</summary>
public sealed class TargetTests : LiveTest
{
    private const int Pages = 2048;

    private string? _cgroup;

    /// <summary>Its faults are the program's own affair: it does all its work, and nothing is left in the kernel.</summary>
    [Fact]
    public void AHundredAttachesDisturbNothing()
    {
        const int attaches = 100, faults = 400_000;
        var before = KernelObjects.All();
        var (done, programs) = (0, 0);
        while (done < attaches)
        {
            using var program = Running.Start(Checkout.Fixture("rand_touch"), $"{faults}", "2048");
            programs++;
            while (done < attaches && IsAlive(program.Pid))
            {
                var result = Running.ToEnd(
                    InFolder, Checkout.Faultrec, "record", "--force", "--duration", "20ms", "-o", TracePath, "--pid", $"{program.Pid}");
                if (result.Status == 2 && !IsAlive(program.Pid))
                    break; // It ended just before.
                Assert.Equal(0, result.Status);
                var rows = Rows.Read(TracePath);
                Assert.Equal((0, 0), (rows.Receipt.Lost, rows.Receipt.LostSideband));
                Assert.All(rows.All, row => Assert.Equal(program.Pid, row.Pid));
                done++;
            }

            var ended = program.Wait();
            Assert.Equal(0, ended.Status);
            Assert.Equal(faults, Number(Said(ended.Output), "touch_minflt"));
        }

        Assert.InRange(programs, 1, attaches);
        Running.Until(() => KernelObjects.All().IsSubsetOf(before), "nothing of the hundred is left");
    }

    [Fact]
    public void ANameTakesProcessesToComeAndNoOthers()
    {
        string[] names = ["frt-one", "frt-two", "other"];
        foreach (var name in names)
            File.Copy(Checkout.Fixture("seq_touch"), Folder[name]);
        using var recorder = StartRecording("--comm", "frt-*");
        Running.Until(() => recorder.ErrorSoFar.Contains("waiting", StringComparison.Ordinal), "it says that it waits");

        var said = names.Select(name => Said(Running.ToEnd(Folder[name], "8").Output)).ToList();
        recorder.Signal(Running.Sigint);
        Assert.Equal(0, recorder.Wait().Status);

        var rows = Rows.Read(TracePath);
        Assert.Equal(["frt-one", "frt-two"], rows.Metadata.Processes.Select(process => process.Comm).Order());
        Assert.Equal(0, rows.Receipt.Lost);
        for (var i = 0; i < 2; i++)
        {
            var touched = rows.All.Where(row => row.Comm == names[i] && row.Region is { Name: "[anon]" } region && region.Size() == Pages * 4096);
            Assert.Equal(Number(said[i], "touch_minflt"), touched.Count());
        }
    }

    [Fact]
    public void ACgroupTakesWhatIsInItAndBelow()
    {
        _cgroup = Path.Combine(CgroupMount(), $"faultrec-test-{Environment.ProcessId}");
        var below = Path.Combine(_cgroup, "below");
        Directory.CreateDirectory(below);
        using var recorder = StartRecording("--cgroup", _cgroup);

        var inside = RunIn(_cgroup);
        var deeper = RunIn(below);
        _ = Running.ToEnd(Checkout.Fixture("seq_touch"), "8");
        recorder.Signal(Running.Sigint);
        Assert.Equal(0, recorder.Wait().Status);

        var rows = Rows.Read(TracePath);
        var touches = rows.All.Where(row => row.Region is { Name: "[anon]" } region && region.Size() == Pages * 4096).GroupBy(row => row.Pid).ToList();
        Assert.Equal(2, touches.Count);
        Assert.Equal(Number(inside, "touch_minflt"), touches[0].Count());
        Assert.Equal(Number(deeper, "touch_minflt"), touches[1].Count());
        Assert.All(rows.All, row => Assert.Contains(row.Comm, (string[])["sh", "seq_touch"]));
    }

    /// <summary>A compiler and a Python program at the same time; each row is in a mapping of its own process.</summary>
    [Fact]
    public void AllOfTheMachineIsToldApart()
    {
        const int pythonMib = 64;
        var script = "import ctypes, resource\nb = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\nn = b()\n"
            + $"x = bytearray({pythonMib} << 20)\nprint(b() - n)\n";
        File.WriteAllText(Folder["touch.py"], script);
        File.WriteAllText(Folder["a.c"], "#include <stdio.h>\n#include <stdlib.h>\nint main(void) { puts(\"x\"); return 0; }\n");
        using var recorder = StartRecording("--all");

        using var compile = Running.Start(InFolder, "sh", "-c", "for i in 1 2 3 4 5; do gcc -O2 -o a a.c || exit 1; done");
        var python = Running.ToEnd(InFolder, "python3", "touch.py");
        Assert.Equal(0, compile.Wait().Status);
        recorder.Signal(Running.Sigint);
        Assert.Equal(0, recorder.Wait().Status);

        var rows = Rows.Read(TracePath);
        Assert.Equal((0, 0), (rows.Receipt.Lost, rows.Receipt.LostSideband));
        Assert.DoesNotContain(rows.All, row => row.Pid == recorder.Pid);
        Assert.Equal(0, rows.Receipt.WithoutRegion);
        Assert.All(rows.All, row => Assert.Equal(row.Pid, row.Region!.Pid));
        Assert.All(rows.All, row => Assert.InRange(row.Address, row.Region!.Start, row.Region.End - 1));
        Assert.Equal(5, rows.Metadata.Processes.Count(process => process.Comm == "cc1"));
        var array = rows.All.Where(row => row.Comm.StartsWith("python", StringComparison.Ordinal) && row.Region!.Size() is >= pythonMib << 20
            and < (pythonMib + 4) << 20);
        Assert.InRange(array.Count() - long.Parse(python.Output, CultureInfo.InvariantCulture), -64, 64);
    }

    [Theory]
    [InlineData(2, "--pid", "4194999")]
    [InlineData(2, "--pid", "0")]
    [InlineData(2, "--pid", "-5")]
    [InlineData(2, "--pid", "x")]
    [InlineData(2, "--cgroup", "/no/such/cgroup")]
    [InlineData(2, "--cgroup", "/tmp")]
    [InlineData(2, "--comm", "")]
    [InlineData(2, "--comm", "a-name-longer-than-the-kernel-keeps")]
    [InlineData(2, "--all", "--comm", "x")]
    [InlineData(2, "--all", "--", "true")]
    [InlineData(2, "--all", "--every", "0")]
    [InlineData(2, "--all", "--max-rate", "many")]
    [InlineData(2, "--all", "--exclude-self", "--include-self")]
    [InlineData(4, "--backend", "fexit", "--", "true")]
    [InlineData(4, "--backend", "perf", "--comm", "x")]
    public void WhatCannotBeRecordedIsToldInOneLine(int status, params string[] arguments)
    {
        Assert.SkipWhen(arguments.Contains("fexit") && FexitWorks(), "this kernel has the fexit backend");

        var result = Running.ToEnd(InFolder, Checkout.Faultrec, ["record", "-o", TracePath, .. arguments]);

        Assert.Equal(status, result.Status);
        Assert.Empty(result.Output);
        Assert.StartsWith("faultrec: ", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Folder.Path));
    }

    protected override void Cleanup()
    {
        if (_cgroup is null)
            return;
        Running.Until(() => File.ReadAllText(Path.Combine(_cgroup, "below", "cgroup.procs")).Length == 0, "the cgroup is empty");
        Directory.Delete(Path.Combine(_cgroup, "below"));
        Directory.Delete(_cgroup);
    }

    private static JsonObject RunIn(string cgroup)
    {
        var result = Running.ToEnd("sh", "-c", $"echo $$ > {cgroup}/cgroup.procs && exec {Checkout.Fixture("seq_touch")} 8");
        Assert.Equal(0, result.Status);
        return Said(result.Output);
    }

    private static bool FexitWorks()
        => JsonNode.Parse(Running.ToEnd(Checkout.Faultrec, "doctor", "--format", "json").Output)!["backends"]!.AsArray()
            .Any(check => check!["backend"]!.GetValue<string>() == "fexit" && check["works"]!.GetValue<bool>());

    private static string CgroupMount()
        => File.ReadLines("/proc/self/mounts").Select(line => line.Split(' ')).First(fields => fields[2] == "cgroup2")[1];

    // A zombie has no memory left: its maps are empty.
    private static bool IsAlive(int pid)
        => File.Exists($"/proc/{pid}/stat") && File.ReadAllText($"/proc/{pid}/stat").Split(") ")[1][0] != 'Z';
}
