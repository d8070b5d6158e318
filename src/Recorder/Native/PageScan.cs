using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Native;

/// <summary>struct page_region, include/uapi/linux/fs.h.</summary>
internal readonly record struct PageRegion(ulong Start, ulong End, ulong Categories);

/// <summary>The ioctl PAGEMAP_SCAN of /proc/PID/pagemap, since Linux 6.7; Documentation/admin-guide/mm/pagemap.rst.</summary>
internal static class PageScan
{
    private const uint Request = 0xc0606610; // _IOWR('f', 16, struct pm_scan_arg)
    private const ulong IsPresent = 1 << 3;
    private const ulong IsZeroPage = 1 << 5;

    /// <summary>Finds present pages that are not the zero page, as runs of neighbours: the pages that the kernel counts as resident.</summary>
    /// <param name="start">Where to begin; becomes where the scan has ended.</param>
    /// <returns>How many regions were found; null: an errno is set.</returns>
    public static int? Present(SafeFileHandle pagemap, ref ulong start, ulong end, Span<PageRegion> regions)
    {
        // SAFETY: the kernel writes no more than VecLen regions, and only during the call, while they are pinned.
        unsafe
        {
            fixed (PageRegion* first = regions)
            {
                var argument = new ScanArgument
                {
                    Size = (ulong)sizeof(ScanArgument),
                    Start = start,
                    End = end,
                    Vec = (ulong)first,
                    VecLen = (ulong)regions.Length,
                    CategoryInverted = IsZeroPage,
                    CategoryMask = IsPresent | IsZeroPage,
                    ReturnMask = IsPresent,
                };
                var found = Libc.Ioctl((int)pagemap.DangerousGetHandle(), Request, (nint)(&argument));
                if (found < 0)
                    return null;
                start = argument.WalkEnd;
                return found;
            }
        }
    }

    /// <summary>struct pm_scan_arg.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct ScanArgument
    {
        public ulong Size;
        public ulong Flags;
        public ulong Start;
        public ulong End;
        public ulong WalkEnd;
        public ulong Vec;
        public ulong VecLen;
        public ulong MaxPages;
        public ulong CategoryInverted;
        public ulong CategoryMask;
        public ulong CategoryAnyofMask;
        public ulong ReturnMask;
    }
}
