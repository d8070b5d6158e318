using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Simulate;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Replay.Tests;

/// <summary>Made-up faults, replayed for real.</summary>
internal static class Replaying
{
    public static readonly ReplayOptions AtOnce = new(ReplayOrder.Thread, 0, 1, FaultFilter.None);

    public static ReplayResult Of(TraceMetadata metadata, Fault[] faults, ReplayOptions? options = null)
    {
        using var file = new TemporaryTrace(metadata, faults, groupSize: 1000);
        return File(file.Path, options);
    }

    public static ReplayResult File(string path, ReplayOptions? options = null)
    {
        using var reader = TraceReader.Open(path);
        return TraceReplay.Run(reader, options ?? AtOnce, TestContext.Current.CancellationToken);
    }

    /// <summary>With page-table facts, which a story has where its faults have a level.</summary>
    public static TraceMetadata Metadata(params Region[] regions)
        => Story.Metadata(regions) with
        {
            PageTable = new PageTableRecording(true, null, 4, "kallsyms", 0x77),
            ThpMode = "madvise",
            SwapTypes = new Dictionary<string, string> { ["31"] = "migration" }
        };

    public static Region Anonymous(int id, ulong start, ulong pages, int pid = 10, long? born = null, long? died = null)
        => new() { Id = id, Pid = pid, Start = start, End = start + (pages * 4096), Prot = "rw-p", Name = "[anon]", BornNs = born, DiedNs = died };

    public static void SkipWithoutHugePages()
        => Assert.SkipWhen(System.IO.File.ReadAllText("/sys/kernel/mm/transparent_hugepage/enabled").Contains("[never]", StringComparison.Ordinal),
            "transparent huge pages are off here");

    /// <summary>A write after a read of a page is a second fault only where the read mapped the zero page: 1, or 0 on kernels that map none.</summary>
    public static int WritesThatFaultAfterARead { get; } = Native.ZeroPage.IsMappedForReads() ? 1 : 0;

    /// <summary>"kind severity recorded/replayed", most first.</summary>
    public static string Words(ReplayResult result)
        => string.Join("; ", Comparison.By(result.Buckets, bucket => (bucket.Kind, bucket.Severity))
            .Select(row => $"{row.Key.Kind.Name()} {row.Key.Severity.Name()} {row.Faults.Recorded}/{row.Faults.Replayed}"));
}
