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
        Assert.Equal(counts.Minor + counts.Major, counts.Receipt.Events);
        Assert.InRange(counts.Receipt.Events, 100_000, faults - 1);
        Assert.Equal(["trace.parquet"], Directory.EnumerateFiles(disk).Select(Path.GetFileName));
    }

    [Fact]
    public void ADiskThatSomebodyElseFillsLeavesAReadableTrace()
    {
        var disk = MountSmallDisk("48m");
        var trace = Path.Combine(disk, "trace.parquet");
        // The fill comes from the program itself, at once: no check of free space can see it coming.
        var script = $"{Checkout.Fixture("rand_touch")} 200000 1024; head -c 64m /dev/zero > {disk}/fill 2>&-; "
            + $"{Checkout.Fixture("rand_touch")} 300000 1024; rm {disk}/fill; exit 3";

        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--no-stacks", "-o", trace, "--", "sh", "-c", script);

        Assert.Equal(3, result.Status);
        var counts = AssertTraceOrSpool(result, trace);
        Assert.NotEqual("exited", counts.Receipt.EndReason);
        Assert.InRange(counts.Receipt.Events, 200_000, 500_000);
    }

    /// <summary>
    /// The program leaves so many KiB of the disk and faults on. Where the recorder notices depends on the size: while it drains, at the
    /// last frame, in the trace. The program's life is the same at each.
    /// </summary>
    [Theory]
    [MemberData(nameof(RoomsKiB))]
    public void AFullDiskIsNotTheProgramsAffair(int roomKiB)
    {
        var script = $"{Checkout.Fixture("rand_touch")} 100000 1024; head -c $(($(df --output=avail -B1 disk "
            + $"| tail -1) - {roomKiB} * 1024)) /dev/zero >disk/fill 2>/dev/null; {Checkout.Fixture("rand_touch")} 50000 1024; exit 3";

        var result = OnOwnDisk("mount -t tmpfs -o size=48m tmpfs disk", "rm disk/fill", "--no-stacks", "--", "sh", "-c", script);

        Assert.Equal(3, result.Status);
        Assert.Equal((100_000, 50_000),
            (Number(Said(result.Output.Split('\n')[0]), "touch_minflt"), Number(Said(result.Output.Split('\n')[1]), "touch_minflt")));
        var counts = AssertTraceOrSpool(result, TracePath);
        Assert.Equal(["disk", "trace.parquet"], Folder.Names);
        // A little room is never enough for the spool, much room may be enough for it alone, or for both.
        var isWhole = counts.Receipt.EndReason == "exited";
        Assert.False(isWhole && roomKiB <= 64, "everything fitted");
        Assert.InRange(counts.Receipt.Events, isWhole ? 150_000 : 100_000, 160_000);
    }

    public static TheoryData<int> RoomsKiB => [0, 1, 2, 4, 16, 64, 256, 512, 1000, 1500, 2000, 3000, 4000, 6000, 8000, 10_000, 12_000, 14_000, 16_000, 18_000];

    /// <summary>A file system that is shut down answers everything with EIO: the spool, its length, the trace.</summary>
    [Fact]
    public void ABrokenDiskIsNotTheProgramsAffair()
    {
        const string breaks = """
            import fcntl, mmap, os, struct, time
            def touch():
                memory = mmap.mmap(-1, 2000 * 4096)
                for page in range(2000):
                    memory[page * 4096] = 1
                time.sleep(0.1)
            touch()
            fcntl.ioctl(os.open('disk', os.O_RDONLY), 0x8004587d, struct.pack('I', 2)) # EXT4_IOC_SHUTDOWN without writing the log
            touch()
            print('survived', flush=True)
            os._exit(3)
            """;
        Assert.SkipUnless(File.Exists("/usr/sbin/mkfs.ext4") && File.Exists("/dev/loop-control"), "needs ext4 and a loop device");
        File.WriteAllText(Folder["breaks.py"], breaks);

        var result = OnOwnDisk(
            "truncate -s 100m image && mkfs.ext4 -q image && mount -o loop image disk", "true", "--no-stacks", "--", "/usr/bin/python3", Folder["breaks.py"]);

        Assert.Equal((3, "survived\n"), (result.Status, result.Output));
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        Assert.Contains(result.ErrorLines, line => line.Contains("Input/output error", StringComparison.Ordinal));
        Assert.All(result.ErrorLines, line => Assert.StartsWith("faultrec: ", line));
    }

    /// <summary>
    /// SIGXFSZ would end the recorder. The program has the limit, too, and what it does by default there. The spool's header alone takes about
    /// 16 KiB: less is nothing to record in.
    /// </summary>
    [Theory]
    [InlineData(0)]
    [InlineData(40)]
    [InlineData(300)]
    [InlineData(100_000)]
    public void ALimitOnFileSizesEndsTheRecordingNotTheProgram(int limitKiB)
    {
        var program = $"{Checkout.Fixture("rand_touch")} 20000 1024; (head -c 200m /dev/zero >large) 2>&-; echo $?; rm large; exit 3";

        var result = Running.ToEnd(
            InFolder, "bash", "-c",
            $"ulimit -f {limitKiB}; exec env --default-signal=XFSZ {Checkout.Faultrec} record --no-stacks -o {TracePath} -- bash -c '{program}'");

        Assert.Equal(3, result.Status);
        Assert.Equal(["153", ""], result.Output.Split('\n')[1..]);
        // The shell says how head ended.
        Assert.All(result.ErrorLines.Where(line => !line.StartsWith("bash: ", StringComparison.Ordinal)), line => Assert.StartsWith("faultrec: ", line));
        if (limitKiB == 100_000)
        {
            AssertWhole(Rows.Read(TracePath));
            return;
        }

        Assert.Contains(result.ErrorLines, line => line.Contains("has reached its size limit", StringComparison.Ordinal));
        if (File.Exists(TracePath + ".spool"))
            Assert.Equal(0, Running.ToEnd(InFolder, Checkout.Faultrec, "recover", TracePath + ".spool").Status);
        else
            Assert.All(Folder.Names, name => Assert.Equal("trace.parquet", name));
        // Whether a fault fits behind the header depends on how many the first draining of the rings finds.
        var isTold = result.ErrorLines.Any(line => line.Contains("nothing was recorded", StringComparison.Ordinal));
        Assert.True(File.Exists(TracePath) || (limitKiB < 300 && isTold), "what was recorded before the limit");
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

    /// <summary>Records onto "disk" of a mount namespace of its own, and copies what is there at the end into the test's folder.</summary>
    private Finished OnOwnDisk(string mount, string afterwards, params string[] recordArguments)
    {
        Directory.CreateDirectory(Folder["disk"]);
        var script = $"{mount} || exit 99; \"$0\" record -o disk/trace.parquet \"$@\"; status=$?; {afterwards}; "
            + "cp disk/trace.parquet* . 2>/dev/null; exit $status";
        return Running.ToEnd(InFolder, "unshare", ["--mount", "sh", "-c", script, Checkout.Faultrec, .. recordArguments]);
    }

    /// <summary>A trace, or a line about what did not fit and a spool that becomes one.</summary>
    private Counts AssertTraceOrSpool(Finished result, string trace)
    {
        Assert.All(result.ErrorLines, line => Assert.StartsWith("faultrec: ", line));
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        var isKept = File.Exists(trace + ".spool");
        if (isKept)
        {
            Assert.Contains("faultrec recover", result.Error, StringComparison.Ordinal);
            Assert.Equal(0, Running.ToEnd(InFolder, Checkout.Faultrec, "recover", trace + ".spool").Status);
            File.Delete(trace + ".spool");
        }

        var counts = Counts.Read(trace);
        // Where there was no room for a last frame either, recover knows only that there is none.
        Assert.Contains(counts.Receipt.EndReason, isKept ? ["disk-full", "recovered", "exited"] : new[] { "disk-full", "exited" });
        Assert.True((isKept || counts.Receipt.EndReason == "disk-full") == result.Error.Contains("disk is full", StringComparison.Ordinal), result.Error);
        Assert.True(counts.IsOrdered);
        return counts;
    }

    private string MountSmallDisk(string size)
    {
        var disk = Directory.CreateDirectory(Folder["disk"]).FullName;
        Assert.Equal(0, Running.ToEnd("mount", "-t", "tmpfs", "-o", $"size={size}", "tmpfs", disk).Status);
        _mounted = disk;
        return disk;
    }
}
