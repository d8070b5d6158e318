using System.Text.Json.Nodes;
using Faultrec.Traces.Metadata;

namespace Faultrec.Live.Tests;

/// <summary>
/// The account of resident memory beside what the kernel counts in the page tables (smaps). fixtures/resident makes memory resident in one way and looks;
/// the report is asked for the same moment.
/// </summary>
public sealed class ResidentAccountTests : LiveTest
{
    private const int Pages = 4096;

    /// <summary>What execve faults in before the program's first instruction is not seen, nor what CPUs keep to themselves of the kernel's counters.</summary>
    private const long SlackBytes = 64 << 10;

    /// <summary>VmHWM and ru_maxrss are sums of counters of which each CPU keeps a part to itself.</summary>
    private const long PeakSlackBytes = 1 << 20;

    [Theory]
    [InlineData("populate")]
    [InlineData("madv_populate")]
    [InlineData("populate_read")]
    [InlineData("mlock")]
    [InlineData("mlockall")]
    [InlineData("collapse")]
    [InlineData("thp")]
    [InlineData("thp_zero")]
    [InlineData("file")]
    [InlineData("new_file")]
    [InlineData("fork_cow")]
    [InlineData("vfork")]
    [InlineData("dontneed")]
    [InlineData("free")]
    [InlineData("partial")]
    [InlineData("moved")]
    [InlineData("shm")]
    [InlineData("memfd")]
    [InlineData("uffd")]
    [InlineData("uffd_shared")]
    [InlineData("uffd_move")]
    [InlineData("zero")]
    [InlineData("brk")]
    [InlineData("fixed")]
    [InlineData("swap", "with-swap.sh")]
    [InlineData("khugepaged", "with-khugepaged.sh")]
    [InlineData("folios", "with-large-folios.sh", "64")]
    [InlineData("folios", "with-large-folios.sh", "256")]
    public void TheAccountIsWhatTheKernelCounts(string mode, params string[] circumstances)
    {
        // Around the recorder, which looks at the kernel's settings when it begins.
        string[] wrapper = circumstances.Length == 0 ? [] : [Path.Combine(Checkout.Root, "fixtures", circumstances[0]), .. circumstances[1..]];
        string[] command = [.. wrapper, Checkout.Faultrec, "record", "--no-stacks", "-o", TracePath, "--", Checkout.Fixture("resident"), mode, $"{Pages}"];
        var result = Running.ToEnd(InFolder, command[0], command[1..]);
        Assert.True(result.Status == 0, result.Error);

        var looks = Said(result.Output)["looks"]!.AsArray();
        Assert.NotEmpty(looks);
        Assert.All(looks, look => AssertIsWhatTheKernelCounted(look!.AsObject()));
        // Pages that only the one moment between two looks had are in the kernel's peak as well.
        var (pid, peakBytes) = (Number(looks[^1]!.AsObject(), "pid"), Kib(looks[^1]!, "peak_kib"));
        var process = Resident("rss", null)["processes"]!.AsArray().Single(row => Number(row!.AsObject(), "pid") == pid)!.AsObject();
        Assert.InRange(Number(process, "peak_bytes"), peakBytes - PeakSlackBytes, peakBytes + PeakSlackBytes);
    }

    /// <summary>The child of vfork has its parent's memory and not a second time as much; that of fork has a copy.</summary>
    [Theory]
    [InlineData("vfork", 1)]
    [InlineData("fork_cow", 2)]
    public void ThePeakOfAllProcessesIsTheSumOfItsLines(string mode, int times)
    {
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "-o", TracePath, "--", Checkout.Fixture("resident"), mode, $"{Pages}");
        Assert.True(result.Status == 0, result.Error);

        var resident = Resident("resident", null);
        var peakBytes = Number(resident, "peak_bytes");
        Assert.InRange(peakBytes, times * Pages * 4096L, (times * Pages * 4096L) + (4 << 20));
        Assert.Equal(peakBytes, Sum(resident["lines"]!, "peak_bytes"));
        Assert.Equal(peakBytes, Sum(Resident("resident_region", null)["regions"]!, "peak_bytes"));
    }

    [Fact]
    public void WhatAProcessHadBeforeIsInTheAccount()
    {
        using var program = Running.Start(InFolder, Checkout.Fixture("resident"), "before", $"{Pages}", "1");
        program.ReadLine();
        using var recorder = StartRecording("--pid", $"{program.Pid}");
        program.WriteByte();
        program.ReadLine();
        program.WriteByte();
        var said = Said(program.ReadLine());
        program.Wait();
        recorder.Wait();

        AssertIsWhatTheKernelCounted(said["looks"]![1]!.AsObject());
        var before = Resident("resident", null)["lines"]!.AsArray().Single(row => row!["code"]!.GetValue<string>() == "[before the recording]")!.AsObject();
        // All that the first look saw, of which a quarter was given back.
        var firstBytes = Kib(said["looks"]![0]!, "rss_kib");
        Assert.Equal(firstBytes - (Pages / 4 * 4096L), Number(before, "kept_bytes"));
    }

    /// <summary>An interpreter that maps libraries, starts a thread, gives memory back and grows.</summary>
    [Fact]
    public void PythonsMemoryIsAccounted()
    {
        const string program = """
            import asyncio, email, json, os, resource, subprocess, time
            kept = [bytearray(3000) for _ in range(20000)]
            for _ in range(20):
                thrown_away = [bytearray(5000) for _ in range(2000)]
                del thrown_away
            asyncio.run(asyncio.to_thread(lambda: bytearray(8 << 20)))
            subprocess.run(["true"], check=True)
            def look():
                with open("/proc/self/smaps_rollup") as file:
                    rss = [line for line in file if line.startswith("Rss:")][0].split()[1]
                return int(rss), time.clock_gettime_ns(time.CLOCK_MONOTONIC)
            look()
            rss, clock = look()
            print(json.dumps({"pid": os.getpid(), "rss_kib": rss, "clock_ns": clock, "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, "ranges": []}))
            """;
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--no-stacks", "-o", TracePath, "--", "/usr/bin/python3", "-c", program);
        Assert.True(result.Status == 0, result.Error);

        var said = Said(result.Output);
        AssertIsWhatTheKernelCounted(said);
        var process = Resident("rss", null)["processes"]!.AsArray().Single(row => Number(row!.AsObject(), "pid") == Number(said, "pid"))!.AsObject();
        Assert.InRange(Number(process, "peak_bytes"), Kib(said, "peak_kib") - PeakSlackBytes, Kib(said, "peak_kib") + PeakSlackBytes);
    }

    /// <summary>A cache that keeps what it is given, and a function whose buffers are thrown away: the cache's line leads.</summary>
    [Fact]
    public void WhatLeaksLeadsGrowth()
    {
        var script = Folder["leak.py"];
        File.WriteAllText(script, """
            import mmap, os, time
            cache, filler = [], b"y" * 400000
            def remember(i):
                cache.append(bytearray(b"x" * 20000))
            def work():
                for _ in range(4):
                    with mmap.mmap(-1, len(filler)) as buffer:
                        buffer.write(filler)
            for i in range(600):
                remember(i)
                work()
                time.sleep(0.001)
            os._exit(0)  # the interpreter's own end would free the cache
            """);
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "-o", TracePath, "--", "/usr/bin/python3", script);
        Assert.True(result.Status == 0, result.Error);

        // From a moment on at which the interpreter has started.
        var metadata = Rows.Read(TracePath).Metadata;
        var growth = Json("growth", ["--from", $"{metadata.DurationNs / 2}ns"])["growth"]!.AsArray();
        Assert.Contains("remember", growth[0]!["code"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.InRange(Number(growth[0]!.AsObject(), "grown_bytes"), 200 * 20_000, 400 * 20_000);
    }

    private void AssertIsWhatTheKernelCounted(JsonObject look)
    {
        var metadata = Rows.Read(TracePath).Metadata;
        var toNs = Number(look, "clock_ns") - metadata.ClockStartNs;
        var rows = Resident("resident_region", toNs)["regions"]!.AsArray().Select(row => row!.AsObject())
            .Where(row => Number(row, "pid") == Number(look, "pid")).ToList();
        var rssBytes = Kib(look, "rss_kib");
        Assert.InRange(rows.Sum(row => Number(row, "kept_bytes")), rssBytes - SlackBytes, rssBytes + SlackBytes);

        var regions = metadata.Regions.ToDictionary(region => (long)region.Id);
        foreach (var range in look["ranges"]!.AsArray().Select(range => range!.AsObject()))
        {
            var (start, bytes) = (Address(range, "start"), (ulong)Number(range, "pages") * 4096);
            var accounted = rows.Where(row => regions.TryGetValue(Number(row, "id"), out var region) && LiesIn(region, start, start + bytes))
                .Sum(row => Number(row, "kept_bytes"));
            Assert.Equal((Number(range, "rss_kib"), range.ToJsonString()), (accounted >> 10, range.ToJsonString()));
        }
    }

    // Without the ends: a mapping of no access around it may have been one with it.
    private static bool LiesIn(Region region, ulong start, ulong end) => region.Start >= start && region.End <= end;

    private JsonObject Resident(string table, long? toNs) => Json(table, toNs is { } to ? ["--to", $"{to}ns"] : [])["resident"]!.AsObject();

    private JsonObject Json(string table, string[] options)
    {
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, ["report", "--by", table, "--top", "0", "--format", "json", .. options, TracePath]);
        Assert.True(result.Status == 0, result.Error);
        return JsonNode.Parse(result.Output)!.AsObject();
    }

    private static long Sum(JsonNode rows, string key) => rows.AsArray().Sum(row => Number(row!.AsObject(), key));

    private static long Kib(JsonNode look, string key) => Number(look.AsObject(), key) << 10;
}
