using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Live.Tests;

/// <summary>A fault lies on the mapping that was in force when it happened.</summary>
public sealed class RegionTests : LiveTest
{
    [Fact]
    public void EachPageOfAColdFileIsOneMajorFault()
    {
        const int pages = 200;
        // On a disk as a rule; on tmpfs pages cannot leave memory, and resident_before says so.
        var file = $"/var/tmp/faultrec-test-{Environment.ProcessId}-cold.bin";

        var (said, rows) = RecordFixture("cold_read", $"{pages}", file);

        Assert.Equal(0, Number(said, "resident_before"));
        Assert.Equal(pages, Number(said, "touch_majflt"));
        var onFile = rows.All.Where(row => row.Region!.Path == file).ToList();
        Assert.All(onFile, row => Assert.True(row.Major));
        Assert.All(onFile, row => Assert.Equal(FaultAccess.Read, row.Access));
        Assert.Equal(Enumerable.Range(0, pages).Select(page => (long?)page), onFile.Select(row => row.FilePage));
        Assert.Equal((ulong)pages << 12, Assert.Single(onFile.Select(row => row.Region).Distinct())!.Size());
    }

    [Fact]
    public void FileRegionsNameTheFilesThatStatKnows()
    {
        var program = Checkout.Fixture("seq_touch");

        var (_, rows) = RecordFixture("seq_touch", "1");

        var files = rows.All.Select(row => row.Region!).Where(region => region.Path is not null).DistinctBy(region => region.Path).ToList();
        Assert.Contains(files, region => region.Path == program);
        Assert.Contains(files, region => region.Path!.Contains("/libc.so", StringComparison.Ordinal));
        Assert.All(files, region =>
        {
            var stat = Running.ToEnd("stat", "-L", "-c", "%i %Hd %Ld", region.Path!).Output.Split();
            Assert.Equal((ulong.Parse(stat[0]), $"{int.Parse(stat[1]):x2}:{int.Parse(stat[2]):x2}"), (region.Inode, region.Device));
        });
    }

    [Fact]
    public void AChildsCopyOnWriteFaultsAreOnItsOwnRegion()
    {
        const int pages = 512, writes = 200;

        var (said, rows) = RecordFixture("fork_cow", $"{pages}", $"{writes}");

        Assert.Equal(writes, Number(said, "cow_minflt"));
        var child = (int)Number(said, "child");
        // The only mapping of exactly this size, in each of the two processes.
        var touched = rows.All.Where(row => row.Region!.Size() == (ulong)pages << 12).ToList();
        var (byChild, byParent) = (touched.Where(row => row.Pid == child).ToList(), touched.Where(row => row.Pid != child).ToList());
        Assert.Equal((pages, writes), (byParent.Count, byChild.Count));
        Assert.All(byChild, row => Assert.Equal(FaultAccess.Write, row.Access));
        Assert.All(byChild, row => Assert.True((row.ErrorCode & 1) == 1, "the page was present: error code bit 0"));
        Assert.All(byParent, row => Assert.True((row.ErrorCode & 1) == 0, "nothing was there: error code bit 0"));
        Assert.Equal(writes, byChild.Select(row => row.Page).Distinct().Count());
        var (theirs, ours) = (Assert.Single(byChild.Select(row => row.Region!).Distinct()), Assert.Single(byParent.Select(row => row.Region!).Distinct()));
        Assert.NotEqual(ours.Id, theirs.Id);
        Assert.Equal((ours.Name, ours.Start, ours.End), (theirs.Name, theirs.Start, theirs.End));
        Assert.Equal(ours.Pid, rows.Metadata.Processes.Single(process => process.Pid == child).ParentPid);
    }

    [Fact]
    public void AnAddressThatIsReusedBelongsToEachOfItsMappings()
    {
        const int loops = 50, pages = 3;

        var (said, rows) = RecordFixture("addr_reuse", $"{loops}", $"{pages}");

        var home = rows.In(Address(said, "home"), 2 * (pages + 4));
        var away = rows.In(Address(said, "away"), 2 * (pages + 4));
        string[] kinds = ["path_a", "path_b"];
        foreach (var (kind, perLoop) in kinds.Zip([pages + 1, pages + 2]))
        {
            var onFile = home.Where(row => row.Region!.Path == said[kind]!.GetValue<string>()).ToList();
            Assert.Equal(loops * perLoop, onFile.Count);
            AssertRounds(onFile, loops, perLoop);
            Assert.All(onFile, row => Assert.Equal((long)(row.Page - (Address(said, "home") >> 12)), row.FilePage));
        }
        // Shared anonymous memory is a file of tmpfs to the kernel, which /proc/PID/maps calls /dev/zero too.
        AssertRounds([.. home.Where(row => row.RegionName.StartsWith("/dev/zero", StringComparison.Ordinal))], loops, pages + 3);
        var anonymous = home.Where(row => row.Region!.Path is null).ToList();
        AssertRounds([.. anonymous.Where(row => row.Region!.Size() == pages << 12)], loops, pages);
        AssertRounds([.. anonymous.Where(row => row.Region!.Size() == 2 * (pages + 4) << 12)], loops, pages + 4);
        AssertRounds(away, loops, pages + 4);
        Assert.Equal(loops * ((5 * pages) + 1 + 2 + 3 + 4), home.Count);
    }

    [Fact]
    public void TheHeapIsOneRegionThatGrowsAndShrinks()
    {
        const int loops = 50, pages = 3;

        var (said, rows) = RecordFixture("addr_reuse", $"{loops}", $"{pages}");

        var heap = rows.All.Where(row => row.RegionName == "[heap]").ToList();
        Assert.Single(heap.Select(row => row.Region!.Id).Distinct());
        Assert.Equal(loops * (pages + 5), Number(said, "heap"));
        // A page that is given back and taken again faults once a loop; no other page of the heap can fault that often.
        Assert.Equal(pages + 5, heap.GroupBy(row => row.Page).Count(page => page.Count() >= loops));
    }

    [Fact]
    public void TheStackGrowsInOneRegion()
    {
        var (said, rows) = RecordFixture("stack_grow", "300");

        var stack = rows.All.Where(row => row.RegionName == "[stack]").ToList();
        Assert.Single(stack.Select(row => row.Region!.Id).Distinct());
        Assert.InRange(stack.Select(row => row.Page).Distinct().Count(), Number(said, "touch_minflt"), Number(said, "touch_minflt") + 12);
        Assert.True(Number(said, "touch_minflt") >= 300);
    }

    [Fact]
    public void RegionsAreThoseOfProcMaps()
    {
        using var program = Running.Start(Checkout.Fixture("wait_then_touch"), "2", "50");
        program.ReadLine();
        using var recorder = StartRecording("--pid", $"{program.Pid}");
        program.WriteByte();
        program.ReadLine();
        var maps = File.ReadAllLines($"/proc/{program.Pid}/maps");
        recorder.Signal(Running.Sigint);
        Assert.Equal(0, recorder.Wait().Status);

        var rows = Rows.Read(TracePath);

        AssertWhole(rows);
        var alive = rows.All.Select(row => row.Region!).Where(region => region.DiedNs is null).Distinct().ToList();
        // libc's code and the touched memory were there before, the late thread's stack came during the recording.
        Assert.Contains(alive, region => region.Path is not null);
        Assert.Contains(alive, region => region.BornNs is not null);
        Assert.Contains(alive, region => region.Size() >= 3 * 50 << 12);
        Assert.All(alive, region => Assert.Contains(MapsLine(region), maps.Select(Normalize)));
    }

    // What is anonymous has no place in a file.
    private static string MapsLine(Region region)
    {
        var offset = region.Path is null ? 0 : region.FileOffset;
        var name = region.Name == "[anon]" ? "" : region.Name;
        return $"{region.Start:x8}-{region.End:x8} {region.Prot} {offset:x8} {region.Device ?? "00:00"} {region.Inode} {name}".TrimEnd();
    }

    // The name's column is padded with blanks.
    private static string Normalize(string line) => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    /// <summary>A mapping a round, each with its own faults and no other's.</summary>
    private static void AssertRounds(IReadOnlyList<Row> rows, int rounds, int perRound)
    {
        var regions = rows.GroupBy(row => row.Region!.Id).ToList();
        Assert.Equal(rounds, regions.Count);
        Assert.All(regions, region => Assert.Equal(perRound, region.Count()));
        Assert.All(rows, row => Assert.InRange(row.TimeNs, row.Region!.BornNs!.Value, row.Region.DiedNs!.Value));
    }
}
