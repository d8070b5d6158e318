using System.Text;
using System.Text.Json;
using Faultrec.Analyzer.Info;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class InfoTests
{
    private static TraceInfo Info()
    {
        var metadata = Story.Metadata(Story.TwoRegions) with
        {
            ClockStartNs = 12_345,
            Ladder = [new LadderStep("fexit", "EPERM: \x1b[31mno\x1b[0m trampolines"), new LadderStep("tracepoint", null)],
            PageTable = new PageTableRecording(false, "no \x1b[31mbase", 0, null, null),
            ThpMode = "madvise",
            SwapAreas = [new SwapArea("/swap\u001bfile", 2048)],
            Pressure = new MemoryPressure("/a\u001bb", "memory.max", 64 << 20, 1234, null, 250_000_000, 0, false),
            FolioSizes = [new FolioSize(8, null, "never"), new FolioSize(64, "always", "never"), new FolioSize(2048, "inherit", "inherit")],
            Causes = [new CauseProbe("reclaim", null), new CauseProbe("zeroing", "EPERM")],
            Memory = [new ProcessMemory(10, [5, 9], [4096, 8192], [0, 1024], [0, 0], [0, 2048], 1 << 20, true)],
            FaultFlagNames = new Dictionary<string, long> { ["FAULT_FLAG_WRITE"] = 1 },
            Receipt = new Receipt { Events = 8, Lost = 7, LostByCpu = [new(0, 0), new(1, 7)], LostBySecond = [new(3, 7)], KernelMinor = 15, ExitStatus = 1 },
        };
        return new TraceInfo("t.parquet", 1234, 8, [new RowGroupInfo(8, 0, 9, 10, 10, 1, 2)], metadata);
    }

    [Fact]
    public void TextHasReceiptLadderAndLossesAndIsInert()
    {
        var writer = new StringWriter();
        InfoText.Write(writer, Info(), default);

        Assert.Equal(
            """
            capture    INCOMPLETE: 8 faults captured, 7 lost; the kernel counted 15; the program exited with
                       status 1
            trace      t.parquet
            file       1.2 KiB, 8 faults, 154.3 B per fault, 1 row group, schema 1
            command    app --work
            target     command
            recorded   2026-01-02 03:04:05 UTC, for 1.50 s, by faultrec 0.1.0
            machine    box, Linux 6.18.0 x86_64, pages of 4.0 KiB
            clock      CLOCK_MONOTONIC, 12345 ns at time 0
            backend    tracepoint
                       fexit: refused, EPERM: \x1b[31mno\x1b[0m trampolines
                       tracepoint: taken
            durations  from the entry of the page-fault exception to the kernel's accounting of the fault
            sampling   none, every fault was recorded
            frames     not recorded: no \x1b[31mbase
            huge pages madvise
                       of anonymous memory: 64.0 KiB always, 2.0 MiB inherit; of shared memory: 2.0 MiB inherit
            swap       2.0 MiB on /swap\x1bfile
            limit      memory.max 64.0 MiB of cgroup /a\x1bb, met 1,234 times, - OOM kills; tasks of the cgroup
                       waited 250 ms for memory (PSI)
            causes     reclaim: probed
                       zeroing: refused, EPERM
            ledger     2 regions, 1 process, 1 thread
            flag names FAULT_FLAG_* WRITE 0x1
                       VM_FAULT_* -
            kernel     minor 15, major -, of these in exec -, inside other system calls -
            perf       minor -, major -
            memory     the kernel's counters of 1 of 1 process, 2 samples
                       app (pid 10): at most 1.0 MiB resident; at its end 8.0 KiB anonymous, 1.0 KiB of files, 0
                       B shared, 2.0 KiB swapped out
            lost       7 on CPU 1
            lost       7 in second 3

            """,
            writer.ToString());
    }

    [Fact]
    public void JsonHasItsDocumentedKeys()
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
            InfoJson.Write(writer, Info());
        using var json = JsonDocument.Parse(Encoding.UTF8.GetString(stream.ToArray()));

        Assert.Equal(
            "path schema file_bytes faults bytes_per_fault row_groups tool_version command target host kernel arch page_size clock "
            + "clock_start_ns started_at duration_ns backend ladder durations sampling exclude_kernel handlers frames thp_mode folio_sizes swap_areas pressure "
            + "causes slab_stages "
            + "stack_recording stacks stack_frames regions processes threads fault_flag_names fault_result_names receipt call_faults memory marks",
            Keys(json.RootElement));
        // More counters may come; those that are there stay.
        var documented = (
            "complete words events failed lost lost_by_cpu lost_by_second missed sampled_out sampled_out_major excluded lost_sideband counts_lost "
            + "without_entry without_outcome unfollowed without_region regions_folded regions_omitted "
            + "perf_minor perf_major kernel_minor kernel_major kernel_exec in_calls in_calls_major unseen end_reason "
            + "exit_status spool_bytes_dropped marks_dropped marks_moved").Split(' ');
        var found = Keys(json.RootElement.GetProperty("receipt")).Split(' ');
        Assert.Equal(documented, found.Where(documented.Contains));
        Assert.Equal(
            typeof(Receipt).GetProperties().Select(property => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name)).Append("words").Order(),
            found.Order());
        Assert.Equal(7, json.RootElement.GetProperty("receipt").GetProperty("lost_by_cpu")[1].GetProperty("lost").GetInt64());
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("ladder")[1].GetProperty("reason").ValueKind);
        var memory = json.RootElement.GetProperty("memory")[0];
        Assert.Equal("pid time_ns anon_bytes file_bytes shmem_bytes swap_bytes peak_bytes has_exit refuses_huge_pages", Keys(memory));
        Assert.Equal([4096, 8192], memory.GetProperty("anon_bytes").EnumerateArray().Select(bytes => bytes.GetInt64()));
        Assert.Equal(154.25, json.RootElement.GetProperty("bytes_per_fault").GetDouble());
    }

    private static string Keys(JsonElement element) => string.Join(' ', element.EnumerateObject().Select(property => property.Name));
}
