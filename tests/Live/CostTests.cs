using System.Globalization;
using System.Text.RegularExpressions;
using Faultrec.Traces.Files;

namespace Faultrec.Live.Tests;

/// <summary>--why, --slab and TLB flushes, against what the kernel itself accounts and what perf sees.</summary>
public sealed partial class CostTests : LiveTest
{
    private const string MemoryController = "/sys/fs/cgroup/memory";

    private string? _cgroup;

    /// <summary>Each page is read by the loop device's worker, so that the fault sleeps: the kernel says how often, and for how long at most.</summary>
    [Fact]
    public void AColdFileIsWaitedFor()
    {
        const int pages = 256;
        if (!File.Exists("/dev/loop-control"))
            Assert.Skip("no loop devices here");

        var trace = Record(["--why"], Path.Combine(Checkout.Root, "fixtures/with-slow-disk.sh"), "sh", "-c",
            $"exec {Checkout.Fixture("cold_read")} {pages} $SLOW_DISK/cold");
        var said = Said(trace.Output);

        AssertSplitAddsUp(trace);
        var major = trace.All.Where(row => row.Region.EndsWith("/cold", StringComparison.Ordinal) && row.IsMajor).ToList();
        Assert.Equal(pages, major.Count);
        // Each wait is a voluntary switch, and the program has no other; a page may be there before its reader sleeps.
        var sleeps = Number(said, "touch_sleeps");
        Assert.InRange(sleeps, pages / 2, pages);
        Assert.InRange(major.Count(row => row.IoWaitNs > 0), sleeps * 9 / 10, sleeps);
        // By the same clock. (The thread's CPU clock starts before the switch is seen, on a loaded machine long before.)
        Assert.InRange(major.Sum(row => (row.IoWaitNs ?? 0) + (row.OffCpuNs ?? 0)), 1, Number(said, "touch_ns"));
    }

    [Fact]
    public void AFaultThatNeedNotWaitHasNoCause()
    {
        var trace = Record(["--why"], Checkout.Fixture("seq_touch"), "8");

        AssertSplitAddsUp(trace);
        Assert.All(trace.All, row => Assert.Equal(0, (row.ReclaimNs ?? 0) + (row.LockWaitNs ?? 0)));
        Assert.Empty(trace.Metadata.LockWaits);
    }

    [Fact]
    public void ReclaimForACgroupIsSeen()
    {
        if (!Directory.Exists(MemoryController) || !File.Exists($"{MemoryController}/memory.limit_in_bytes"))
            Assert.Skip("no cgroup v1 memory controller here");
        _cgroup = $"{MemoryController}/faultrec-test-{Environment.ProcessId}";
        Directory.CreateDirectory(_cgroup);
        File.WriteAllText($"{_cgroup}/memory.limit_in_bytes", "8M");
        var script = $"echo $$ > {_cgroup}/cgroup.procs && exec {Checkout.Fixture("cold_read")} 4096";

        var trace = Record(["--why"], "sh", "-c", script);

        AssertSplitAddsUp(trace);
        // memory.failcnt: how often the limit was hit, by the kernel's own count.
        Assert.True(long.Parse(File.ReadAllText($"{_cgroup}/memory.failcnt"), CultureInfo.InvariantCulture) > 0);
        Assert.True(trace.All.Sum(row => row.ReclaimNs ?? 0) > 0);
    }

    [Fact]
    public void WhoeverHoldsMmapLockIsNamed()
    {
        var trace = Record(["--why"], Checkout.Fixture("lock_wait"), "2", "64", "400");
        var said = Said(trace.Output);

        AssertSplitAddsUp(trace);
        Assert.True(trace.All.Sum(row => row.LockWaitNs ?? 0) > 0);
        var waits = trace.Metadata.LockWaits;
        Assert.Contains(waits, wait => wait.HolderTid == Number(said, "protector_tid") && wait.HolderPid == Number(said, "pid"));
        // Nobody waits for themselves, and the protector does not fault in what it protects.
        Assert.All(waits, wait => Assert.NotEqual(wait.Tid, wait.HolderTid));
        // Each fault that waited ended, or its thread's wait would be in no row.
        Assert.Equal(trace.All.Sum(row => row.LockWaitNs ?? 0), waits.Sum(wait => wait.TotalNs));
        Assert.All(waits, wait => Assert.InRange(wait.MaxNs, 0, wait.TotalNs));
    }

    /// <summary>perf's samples of the same tracepoint with the page fault among the kernel's callers are what we count.</summary>
    [Fact]
    public void ObjectsAndPagesAreThoseThatPerfSees()
    {
        if (!Running.ToEnd("sh", "-c", "command -v perf").Output.Contains("perf", StringComparison.Ordinal))
            Assert.Skip("perf is not installed");
        var trace = Record(["--slab"], Checkout.Fixture("fork_cow"));
        var slab = trace.Metadata.Slab!;
        var ours = slab.BuddyAllocations.Sum(count => count.Allocations);
        var objects = slab.Caches.Sum(count => count.Objects);

        Assert.Equal(0, trace.Metadata.Receipt.CountsLost);
        Assert.Equal(trace.All.Sum(row => (long)(row.BuddyPages ?? 0)), slab.BuddyAllocations.Sum(count => count.Allocations << count.Order));
        // Each page that is copied or written first comes from the buddy allocator.
        Assert.True(ours >= trace.All.Count(row => row.IsAnonymousWrite));
        // The same program once more, under perf: its faults are the same, those of a start-up but for a few.
        var (pages, kernelObjects) = PerfCounts("fork_cow");
        Assert.InRange(ours, pages * 19 / 20, pages * 21 / 20);
        // perf follows the whole execve, whose few faults prepare their mappings.
        Assert.InRange(objects, kernelObjects - 16, kernelObjects + 4);
    }

    [Fact]
    public void TlbFlushesAreCountedByReason()
    {
        var flushes = Record([], Checkout.Fixture("fork_cow")).Metadata.TlbFlushes;

        Assert.Contains(flushes, flush => flush.Reason.StartsWith("TLB_", StringComparison.Ordinal));
        Assert.All(flushes, flush => Assert.InRange(flush.Full, 0, flush.Flushes));
        // A switch to an address space whose entries are up to date passes the tracepoint, and flushes nothing.
        Assert.All(flushes, flush => Assert.True(flush.Pages >= flush.Flushes - flush.Full));
    }

    [Fact]
    public void ThePerfBackendSaysThatItCannot()
    {
        var result = Running.ToEnd(
            InFolder, Checkout.Faultrec, "record", "--backend", "perf", "--why", "--slab", "-o", TracePath, "--", Checkout.Fixture("seq_touch"), "1");
        Assert.Equal(0, result.Status);
        using var reader = TraceReader.Open(TracePath);
        Assert.Equal(6, reader.Metadata.Causes.Count(cause => cause.Reason!.Contains("perf backend", StringComparison.Ordinal)));
        Assert.Equal(6, reader.Metadata.Slab!.Stages.Count(stage => stage.Reason!.Contains("perf backend", StringComparison.Ordinal)));
        Assert.Contains("perf backend", reader.Metadata.TlbRefusal, StringComparison.Ordinal);
        Assert.Empty(reader.Metadata.TlbFlushes);
    }

    protected override void Cleanup()
    {
        if (_cgroup is not null && Directory.Exists(_cgroup))
            Directory.Delete(_cgroup);
    }

    private static void AssertSplitAddsUp(CostTrace trace)
    {
        Assert.NotEmpty(trace.All);
        // Faults of the command's own execve were not followed, and are few.
        Assert.InRange(trace.All.Count(row => row.ReclaimNs is null), 0, 8);
        Assert.All(trace.All.Where(row => row.DurationNs is not null), row => Assert.InRange(row.Causes, 0, row.DurationNs!.Value));
    }

    private CostTrace Record(string[] options, params string[] command)
    {
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, ["record", "-o", TracePath, .. options, "--", .. command]);
        Assert.True(result.Status == 0, result.Error);
        return CostTrace.Read(TracePath, result.Output);
    }

    /// <summary>
    /// tracefs is mounted in a mount namespace of its own, so that the machine stays as it was. -B -N: Debian's perf 6.1 asserts now
    /// and then where it collects build ids.
    /// </summary>
    private (long Pages, long Objects) PerfCounts(string fixture)
    {
        var script = $"""
            (mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing) &&
            perf record -q -B -N -g -e kmem:mm_page_alloc,kmem:kmem_cache_alloc,kmem:kmalloc -c 1 -o {Folder["perf.data"]} {Checkout.Fixture(fixture)} > /dev/null &&
            perf script -i {Folder["perf.data"]} -F event,ip,sym
            """;
        var result = Running.ToEnd(InFolder, "unshare", "-m", "sh", "-c", script);
        Assert.True(result.Status == 0, result.Error);
        long pages = 0, objects = 0;
        foreach (var sample in result.Output.Split("\n\n"))
        {
            // The kernel's callers of the allocation.
            if (!sample.Contains("exc_page_fault", StringComparison.Ordinal))
                continue;
            if (PageAllocation().IsMatch(sample))
                pages++;
            else
                objects++;
        }

        Assert.True(pages > 0);
        return (pages, objects);
    }

    [GeneratedRegex("^\\s*(kmem:)?mm_page_alloc:", RegexOptions.Multiline)]
    private static partial Regex PageAllocation();
}
