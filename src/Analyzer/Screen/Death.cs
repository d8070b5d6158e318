using System.Globalization;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Screen;

/// <summary>Why a process died of a page fault, as far as the trace proves it.</summary>
internal static class Death
{
    /// <summary>vm.mmap_min_addr as distributions set it: nothing is mapped below, so a pointer there was null, or an offset from it.</summary>
    private const ulong NullEnd = 0x10000;

    /// <summary>How far below a stack an access may lie and still be its overflow: a large frame steps over pages.</summary>
    private const ulong StackReach = 1 << 20;

    /// <summary>Null: no process died of a fault that the report has.</summary>
    public static string? Of(FaultReport report)
    {
        if (report.Find(FatalAggregate.Measure)?.Faults is not [var first, ..] faults)
            return null;
        var process = report.Metadata.Processes.Last(process => process.Pid == first.Pid && process.FatalFaultNs == first.TimeNs);
        var others = faults.Count == 1 ? "" : $" {Units.Of(faults.Count - 1, "more process", "more processes")} died of a fault, too.";
        var name = process.ExitSignal is { } signal ? FailureEnds.SignalName(signal) : "a signal";
        return $"{process.Comm} (pid {Number(first.Pid)}) died of {name}: {Cause(report, process, first)}.{others}";
    }

    /// <summary>The code that died and what had called it; null: no process died, or its callers are not known.</summary>
    public static string? Callers(FaultReport report)
    {
        if (report.Find(FatalAggregate.Measure)?.Faults is not [var first, ..])
            return null;
        var code = new CodeShares(report.Code);
        code.Add(report.Code.NameOf(first.Stack), first.Stack, 1);
        return code.Largest(1, 0)[0].Code is var chain && chain.Contains(CodeShares.CalledBy, StringComparison.Ordinal) ? chain : null;
    }

    private static string Cause(FaultReport report, ProcessEntry process, FatalFault fault)
    {
        var code = report.Code.NameOf(fault.Stack) is { Line: >= 0 } name ? name.Name : $"thread {fault.Comm}";
        var verb = fault.Access switch { FaultAccess.Write => "wrote", FaultAccess.Exec => "executed code", FaultAccess.Read => "read", _ => "touched" };
        var (place, did) = (Units.Hex(fault.Address), $"{code} {verb} {(fault.Access == FaultAccess.Exec ? "at " : "")}");
        if (fault.Kind == FaultKind.BusError)
            return $"{code} touched {BusError(report, process, fault)}";
        if (fault.Address < NullEnd)
            return $"{did}address {place}, where nothing is mapped (a null pointer{(fault.Address == 0 ? "" : " with an offset")})";
        if (Overflow(report, fault) is { } overflow)
            return $"{overflow.What}: {code}{Depth(report, fault)}, {verb} {overflow.Where}";
        if (Unmapped(report, fault) is { } unmapped)
            return $"{did}{place}, {unmapped}";
        if (MappingOf(report, fault) is not { } region)
            return $"{did}{place}, where nothing is mapped";
        return (fault.Access, region.Prot) switch
        {
            (_, ['-', '-', '-', ..]) => $"{did}{place} in {region.Name}, which permits no access",
            (FaultAccess.Write, [_, '-', ..]) => $"{code} wrote to read-only memory ({region.Name}, {place})",
            (FaultAccess.Exec, [_, _, '-', ..]) => $"it jumped to {place} in {region.Name}, which is no code",
            _ => $"{did}{place} in {region.Name} ({region.Prot}), and the kernel refused it",
        };
    }

    private static string BusError(FaultReport report, ProcessEntry process, FatalFault fault)
    {
        var region = report.Plan.Index.Find(fault.RegionId);
        if (process.IsPoisoned)
            return $"{Units.Hex(fault.Address)}{(region is null ? "" : $" in {region.Name}")}, whose memory has a hardware error";
        if (region is null)
            return $"{Units.Hex(fault.Address)}, which the kernel could not provide";
        if (MappingFacts.Of(region).Backing == MappingBacking.Hugetlb)
            return $"{Units.Hex(fault.Address)} in a hugetlb mapping, for which the pool of huge pages had none left";
        if (region.Path is null)
            return $"{Units.Hex(fault.Address)} in {region.Name}, which the kernel could not provide";
        var place = fault.Address - region.Start + region.FileOffset;
        var isShared = MappingFacts.Of(region).Backing == MappingBacking.Shmem;
        return $"page {Units.Count(report.Metadata.Pages.PageOf(place))} of {region.Name}, " + process.FatalFileBytes switch
        {
            { } bytes when place >= report.Metadata.Pages.RoundUp((ulong)bytes) => $"beyond its end: it had {Units.Bytes(bytes)}",
            { } when isShared => "which is not beyond its end: its tmpfs had no room, most likely",
            { } => "which is not beyond its end: it could not be read, or its file system had no room",
            null when isShared => "which is beyond its end, or for which its tmpfs had no room",
            null => "beyond its end, most likely (a page that cannot be read, or a full tmpfs, looks the same)",
        };
    }

    /// <summary>The end of "wrote", and what that was; null: the access was not below a stack.</summary>
    private static (string What, string Where)? Overflow(FaultReport report, FatalFault fault)
    {
        var page = report.Metadata.Pages.StartOf(fault.Address);
        // The thread's stack is the mapping that may be written to and begins nearest above.
        var stack = report.Metadata.Regions.Where(region => IsAlive(region, fault) && region.Start > page && region.Start - page <= StackReach
                && region.Path is null && region.Prot.StartsWith("rw", StringComparison.Ordinal))
            .MinBy(region => region.Start);
        if (stack is null)
            return null;
        var size = Units.Bytes((long)(stack.End - stack.Start));
        if (stack.Name == "[stack]")
            return ("stack overflow", $"below the main thread's stack, which had grown to {size}");
        if (report.Plan.Index.Find(fault.RegionId) is not { Path: null, Prot: ['-', '-', '-', ..] } guard || guard.Start > page)
            return null;
        // Programs have guard pages for other memory, too.
        return report.Code.PassesThrough(guard.MapperStack, "pthread_create")
            ? ("stack overflow", $"into the guard page below the {size} stack of its thread")
            : ("stack overflow, most likely", $"into the inaccessible memory below a mapping of {size}");
    }

    private static string Depth(FaultReport report, FatalFault fault)
        => report.Code.RecursionOf(fault.Stack) is > 1 and var depth
            ? $", {(report.Code.IsCutShort(fault.Stack) ? "at least " : "")}{Units.Count(depth)} calls deep"
            : "";

    /// <summary>"which free_all (a.c:4) had unmapped 2 ms before"; null: nobody is known to have.</summary>
    private static string? Unmapped(FaultReport report, FatalFault fault)
    {
        var page = report.Metadata.Pages.PageOf(fault.Address);
        Release? last = null;
        foreach (var release in report.Metadata.Releases?.All() ?? [])
        {
            if (release.Pid == fault.Pid && release.TimeNs <= fault.TimeNs && release.Call == ReleaseCalls.Unmap && page >= release.FirstPage
                && page - release.FirstPage < release.Pages)
            {
                last = release;
            }
        }

        // Mapped again since?
        if (last is not { } found
            || report.Metadata.Regions.Any(region => IsAlive(region, fault) && Holds(region, fault.Address) && region.BornNs > found.TimeNs))
        {
            return null;
        }

        var who = report.Code.NameOf(found.Stack) is { Line: >= 0 } name ? $"{name.Name} had unmapped" : "the program had unmapped";
        return $"which {who} {Units.Duration(fault.TimeNs - found.TimeNs)} before";
    }

    private static Region? MappingOf(FaultReport report, FatalFault fault)
        => report.Plan.Index.Find(fault.RegionId) is { } region && Holds(region, fault.Address) ? region : null;

    private static bool IsAlive(Region region, FatalFault fault)
        => region.Pid == fault.Pid && (region.BornNs ?? long.MinValue) <= fault.TimeNs && (region.DiedNs ?? long.MaxValue) > fault.TimeNs;

    private static bool Holds(Region region, ulong address) => address >= region.Start && address < region.End;

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
