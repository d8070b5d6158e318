namespace Faultrec.Live.Tests;

/// <summary>A disk that fills, a place that cannot be written.</summary>
public sealed class DiskTests : LiveTest
{
    private string? _mounted;

    [Fact]
    public void ADiskThatFillsEndsTheRecordingInOrder()
    {
        const int faults = 2_000_000;
        var disk = MountSmallDisk("48m");
        var trace = Path.Combine(disk, "trace.parquet");

        var result = Running.ToEnd(
            InFolder, Checkout.Faultrec, "record", "--no-stacks", "-o", trace, "--", "sh", "-c", $"{Checkout.Fixture("rand_touch")} {faults} 8192; exit 3");

        Assert.Equal(3, result.Status);
        Assert.Equal(faults, Number(Said(result.Output), "touch_minflt"));
        Assert.Contains("disk is full", result.Error, StringComparison.Ordinal);
        var counts = Counts.Read(trace);
        Assert.Equal("disk-full", counts.Receipt.EndReason);
        Assert.True(counts.IsOrdered);
        Assert.Equal(counts.Minor, counts.Receipt.Events);
        Assert.InRange(counts.Receipt.Events, 100_000, faults - 1);
        Assert.Equal(["trace.parquet"], Directory.EnumerateFiles(disk).Select(Path.GetFileName));
    }

    [Fact]
    public void ADiskThatSomebodyElseFillsLeavesAReadableTrace()
    {
        var disk = MountSmallDisk("48m");
        var trace = Path.Combine(disk, "trace.parquet");
        // The fill comes from the program itself, at once: no check of free space can see it coming.
        var script = $"{Checkout.Fixture("rand_touch")} 200000 1024; head -c 64m /dev/zero > {disk}/fill; {Checkout.Fixture("rand_touch")} 300000 1024; rm {disk}/fill; exit 3";

        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--no-stacks", "-o", trace, "--", "sh", "-c", script);

        Assert.True(result.Status is 3 or 5, $"status {result.Status}: {result.Error}");
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        if (result.Status == 5)
        {
            // No room for the trace beside the spool: the recording is kept, and the message says how to get it.
            Assert.Contains("faultrec recover", result.Error, StringComparison.Ordinal);
            Assert.Equal(0, Running.ToEnd(InFolder, Checkout.Faultrec, "recover", trace + ".spool").Status);
        }
        var counts = Counts.Read(trace);
        Assert.NotEqual("exited", counts.Receipt.EndReason);
        Assert.InRange(counts.Receipt.Events, 200_000, 500_000);
        Assert.True(counts.IsOrdered);
    }

    [Fact]
    public void AFullDiskIsAnErrorInOneLineAndLeavesNothing()
    {
        var disk = MountSmallDisk("1m");
        Assert.NotEqual(0, Running.ToEnd("sh", "-c", $"cat /dev/zero > {disk}/fill").Status);

        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "-o", Path.Combine(disk, "trace.parquet"), "--", "touch", Folder["ran"]);

        Assert.False(File.Exists(Folder["ran"]), "the program was run, with no room to record it");
        Assert.True(result.Status is 2 or 4, $"status {result.Status}: {result.Error}");
        Assert.Contains(disk, Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(["fill"], Directory.EnumerateFiles(disk).Select(Path.GetFileName));
    }

    [Fact]
    public void AnUnwritablePlaceIsRefusedBeforeTheProgramStarts()
    {
        var disk = MountSmallDisk("1m");
        Assert.Equal(0, Running.ToEnd("mount", "-o", "remount,ro", disk).Status);
        foreach (var place in (string[])[Path.Combine(disk, "trace.parquet"), disk, Folder["missing/trace.parquet"], "/proc/trace.parquet"])
        {
            var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "-o", place, "--", "touch", Folder["ran"]);

            Assert.Equal(2, result.Status);
            Assert.Single(result.ErrorLines);
            Assert.False(File.Exists(Folder["ran"]), $"-o {place}: the program was run");
        }
    }

    [Fact]
    public void AnExistingTraceIsKeptOverwrittenOrRefused()
    {
        File.WriteAllText(TracePath, "precious");

        var refused = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--no-clobber", "-o", TracePath, "--", "touch", Folder["ran"]);
        Assert.Equal(2, refused.Status);
        Assert.Equal("precious", File.ReadAllText(TracePath));
        Assert.Equal(["trace.parquet"], Folder.Names);

        Assert.Equal(0, Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--no-stacks", "-o", TracePath, "--", "true").Status);
        Assert.Equal("precious", File.ReadAllText(TracePath + ".old"));
        Assert.NotEmpty(Rows.Read(TracePath).All);

        Assert.Equal(0, Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--force", "-o", TracePath, "--", "true").Status);
        Assert.Equal("precious", File.ReadAllText(TracePath + ".old"));
        Assert.Equal(["trace.parquet", "trace.parquet.old"], Folder.Names);
    }

    [Theory]
    [InlineData("no-such-command-anywhere", 127, "not found")]
    [InlineData("/no/such/path", 127, "not found")]
    [InlineData("/etc/passwd", 126, "cannot be executed")]
    [InlineData("/etc", 126, "cannot be executed")]
    public void ACommandThatCannotRunLeavesNothing(string command, int status, string because)
    {
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--no-stacks", "-o", TracePath, "--", command, "argument");

        Assert.Equal(status, result.Status);
        Assert.Contains(because, Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Contains(command, result.Error, StringComparison.Ordinal);
        Assert.Empty(Folder.Names);
    }

    [Fact]
    public void AProcessThatIsNotThereLeavesNothing()
    {
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--no-stacks", "-o", TracePath, "--pid", $"{int.MaxValue}");

        Assert.Equal(2, result.Status);
        Assert.Contains("no such process", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Empty(Folder.Names);
    }

    protected override void Cleanup()
    {
        if (_mounted is not null)
            Running.ToEnd("umount", "--lazy", _mounted);
    }

    private string MountSmallDisk(string size)
    {
        var disk = Directory.CreateDirectory(Folder["disk"]).FullName;
        Assert.Equal(0, Running.ToEnd("mount", "-t", "tmpfs", "-o", $"size={size}", "tmpfs", disk).Status);
        _mounted = disk;
        return disk;
    }
}
