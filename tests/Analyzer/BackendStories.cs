using System.Text.Json;
using Faultrec.Analyzer.Info;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>What a recording cannot hold is said, and what a backend sees besides is shown.</summary>
public class BackendStories
{
    private static readonly HandlerProbe[] Probes = [new("do_anonymous_page", null), new("do_swap_page", "inlined in this kernel")];

    [Fact]
    public void PerfHasNoDurationsAndMayLackKernelMode()
    {
        var metadata = Story.Metadata(Story.TwoRegions) with { Backend = Backend.Perf, ExcludeKernel = true };
        var report = Story.Report(metadata, [new(0x10000, DurationNs: null), new(0x11000, DurationNs: null)]);

        Assert.Equal(
            """
            trace.parquet: app --work
            recorded 2026-01-02 03:04:05 UTC on box, Linux 6.18.0 x86_64, backend perf, for 1.50 s
            complete: 2 faults captured, 0 lost; the program exited with status 0
            no durations (backend perf sees only the completion of a fault); faults of kernel mode not recorded
            (perf_event_paranoid)

            100 % of the faults (2) are in [anon] 0x10000-0x14000 (16.0 KiB) of app (pid 10), each on a page of
            its own. None was major.

            2 faults: 2 minor, 0 major, 0 failed; 2 distinct pages

            processes
              pid comm threads faults major time
               10 app        1      2     0    -

            """,
            TextReportTests.Text(report, "process"));
        using var json = JsonDocument.Parse(FormatTests.Json(report));
        Assert.Equal(2, json.RootElement.GetProperty("capture").GetProperty("limits").GetArrayLength());
    }

    [Fact]
    public void FaultsOfGetUserPagesAreCountedWhereThereAreAny()
    {
        var metadata = Story.Metadata(Story.TwoRegions) with { Backend = Backend.Fexit };

        var report = Story.Report(metadata, [new(0x10000) { Gup = true }, new(0x11000), new(0x12000) { Gup = true }]);
        var none = Story.Report(metadata, [new(0x10000)]);

        Assert.Equal(2, report.Totals.Gup);
        Assert.Contains(
            "\n3 faults: 3 minor, 0 major, 0 failed; 3 distinct pages; 2 by get_user_pages: system calls and execve\ntouching memory for the program\n",
            TextReportTests.Text(report),
            StringComparison.Ordinal);
        Assert.DoesNotContain("get_user_pages", TextReportTests.Text(none), StringComparison.Ordinal);
        using var json = JsonDocument.Parse(FormatTests.Json(report));
        Assert.Equal(2, json.RootElement.GetProperty("totals").GetProperty("gup").GetInt32());
    }

    [Fact]
    public void HandlersAreATableWithWhatCouldNotBeProbed()
    {
        var metadata = Story.Metadata(Story.TwoRegions) with { Backend = Backend.Fexit, Handlers = Probes };
        Fault[] faults = [new(0x10000) { Handler = "do_anonymous_page" }, new(0x11000, DurationNs: 3000) { Handler = "do_anonymous_page" },
            new(0x20000, 2, 90_000, Major: true)];
        var report = Story.Report(metadata, faults);

        Assert.EndsWith(
            """
            handlers
              function          faults major     p50     p99 not probed because
              do_anonymous_page      2     0 1.00 µs 3.00 µs
              -                      1     1 90.0 µs 90.0 µs
              do_swap_page           0     0       -       - inlined in this kernel
            1 fault without a handler: what served it is inlined, could not be probed or was not asked for;
            file_page comes from address and mapping there, the kind from the kernel's accounting

            """,
            TextReportTests.Text(report, "handler"),
            StringComparison.Ordinal);
        Assert.Equal(
            """
            function,faults,minor,major,failed,latency_p50_ns,latency_p90_ns,latency_p99_ns,latency_max_ns,latency_sum_ns,refusal
            do_anonymous_page,2,2,0,0,1000,3000,3000,3000,4000,
            ,1,0,1,0,90000,90000,90000,90000,90000,
            do_swap_page,0,0,0,0,,,,,,inlined in this kernel

            """.ReplaceLineEndings("\r\n"),
            FormatTests.Csv(report, "handler"));
        using var json = JsonDocument.Parse(FormatTests.Json(report));
        var handlers = json.RootElement.GetProperty("handlers");
        Assert.Equal(["do_anonymous_page", null, "do_swap_page"], handlers.EnumerateArray().Select(row => row.GetProperty("function").GetString()));
        FormatTests.AssertKeys("function refusal faults minor major failed latency_ns", handlers[0]);
    }

    [Fact]
    public void WithoutHandlersThereIsNoTableOfThem()
        => Assert.DoesNotContain("handlers", TextReportTests.Text(Story.Report(Story.Metadata(Story.TwoRegions), [new(0x10000)])), StringComparison.Ordinal);

    [Fact]
    public void InfoSaysHowTheRecordingWasMade()
    {
        var metadata = Story.Metadata(Story.TwoRegions) with
        {
            Backend = Backend.Kprobe,
            Ladder = [new LadderStep("fexit", "EPERM"), new LadderStep("kprobe", null)],
            Sampling = new Sampling(8, 5000, true),
            ExcludeKernel = true,
            Handlers = Probes,
            FaultFlagNames = new Dictionary<string, long> { ["FAULT_FLAG_MKWRITE"] = 2, ["FAULT_FLAG_WRITE"] = 1 },
            FaultResultNames = new Dictionary<string, long> { ["VM_FAULT_OOM"] = 1 },
            Receipt = new Receipt { Events = 8, SampledOut = 56, SampledOutMajor = 7, Excluded = 1000, Complete = true, PerfMinor = 1057, PerfMajor = 7 },
        };
        var writer = new StringWriter();
        InfoText.Write(writer, new TraceInfo("t.parquet", 1234, 8, [], metadata), default);

        Assert.Equal(
            """
            capture    complete: 8 faults captured, 0 lost; 56 (7 major) left out by sampling; 1,000 of other
                       processes left out; its perf counters agree; ended with its target
            trace      t.parquet
            file       1.2 KiB, 8 faults, 154.3 B per fault, 0 row groups, schema 1
            command    app --work
            target     command
            recorded   2026-01-02 03:04:05 UTC, for 1.50 s, by faultrec 0.1.0
            machine    box, Linux 6.18.0 x86_64, pages of 4.0 KiB
            clock      CLOCK_MONOTONIC, 0 ns at time 0
            backend    kprobe
                       fexit: refused, EPERM
                       kprobe: taken
            durations  from the first entry of handle_mm_fault to its last return, waits between retries
                       included
            sampling   1 in 8, fewer above 5,000 faults/s, which was reached
            left out   faults of kernel mode (perf_event_paranoid)
            frames     -
            huge pages -
            swap       -
            limit      -
            handlers   do_anonymous_page: probed
                       do_swap_page: refused, inlined in this kernel
            ledger     2 regions, 1 process, 1 thread
            flag names FAULT_FLAG_* WRITE 0x1, MKWRITE 0x2
                       VM_FAULT_* OOM 0x1
            kernel     minor -, major -, of these in exec -, inside other system calls -
            perf       minor 1,057, major 7
            left out   56 faults (7 major) by sampling
            left out   1,000 faults of other processes

            """,
            writer.ToString());
    }
}
