using System.Runtime.InteropServices;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Probes;

/// <summary>
/// Lets the probes walk page tables (bpf/walk.bpf.h): finds where the kernel maps physical memory by walks to pages of this process,
/// whose frames /proc/self/pagemap shows (Documentation/admin-guide/mm/pagemap.rst). If they never agree, no frames are recorded.
/// </summary>
// SAFETY: the pages are mapped until Find comes back, one more than WalkState.Probes of them, and every index is below their number.
internal static unsafe class DirectMap
{
    public const string ByCalibration = "calibration";

    private const int MadvNoHugePage = 15;

    /// <summary>The direct map's base is a multiple of this (arch/x86/mm/kaslr.c).</summary>
    private const long CandidateBytes = 1L << 30;

    private const int Attempts = 3;

    public static PageTableRecording Find(AttachedProbes probes)
    {
        // One extra page that is only read, so that the zero page is mapped there.
        var pages = WalkState.Probes + 1;
        var bytes = (nuint)(pages * PageGeometry.Here.PageBytes);
        using var memory = MappedMemory.MapAnonymous(bytes, "the pages to calibrate page-table walks with");
        // A kernel without huge pages returns an error.
        _ = Libc.Madvise((nint)memory.Pointer, bytes, MadvNoHugePage);
        var reason = "";
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var frames = ReadFrames(memory.Pointer, pages);
            if (frames is null)
                return new PageTableRecording(false, "/proc/self/pagemap does not show frames to this user (needs CAP_SYS_ADMIN)", 0, null, null);
            if (Ask(probes, memory.Pointer, frames))
            {
                var levels = probes.Walk.TopShift == 48 ? 5 : 4;
                return new PageTableRecording(true, null, levels, ByCalibration, frames[^1]);
            }
            // The kernel may have moved a page between the two readings.
            reason = $"no base of the direct map leads page-table walks to the frames that /proc/self/pagemap shows ({probes.Walk.MaxCandidates} tried)";
        }

        return new PageTableRecording(false, reason, 0, null, null);
    }

    /// <summary>Null: pagemap does not show the frame.</summary>
    private static long[]? ReadFrames(byte* start, int pages)
    {
        var entries = new long[pages];
        for (var i = 0; i < pages; i++)
        {
            var page = start + i * PageGeometry.Here.PageBytes;
            if (i < pages - 1)
                Volatile.Write(ref *page, 1);
            else
                _ = Volatile.Read(ref *page);
        }

        using var pagemap = File.OpenHandle("/proc/self/pagemap");
        var offset = (long)((nuint)start / (nuint)PageGeometry.Here.PageBytes) * sizeof(long);
        if (RandomAccess.Read(pagemap, MemoryMarshal.AsBytes(entries.AsSpan()), offset) < pages * sizeof(long))
            return null;
        const long frameBits = (1L << 55) - 1;
        for (var i = 0; i < pages; i++)
        {
            // Bit 63: present. The frame is 0 for users who may not see it.
            if (entries[i] >= 0 || (entries[i] & frameBits) == 0)
                return null;
            entries[i] &= frameBits;
        }

        return entries;
    }

    private static bool Ask(AttachedProbes probes, byte* start, long[] frames)
    {
        ref var walk = ref probes.Walk;
        for (var i = 0; i < WalkState.Probes; i++)
        {
            walk.Addresses[i] = (ulong)(start + i * PageGeometry.Here.PageBytes);
            walk.Pfns[i] = (ulong)frames[i];
        }

        walk.MaxCandidates = (ulong)(KernelMemory.EndPfn * PageGeometry.Here.PageBytes / CandidateBytes + 1);
        walk.Tgid = (uint)Environment.ProcessId;
        probes.FindDirectMap();
        return Volatile.Read(ref walk.DirectMap) != 0;
    }
}
