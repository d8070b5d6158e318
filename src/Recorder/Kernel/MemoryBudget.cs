using System.Numerics;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Kernel;

/// <summary>
/// How much memory a recording may use. The garbage collector knows the limit: three quarters of what the cgroup
/// or a limit allows, or all of the machine's. Buffers of fixed size (rings, tables, row groups) are halved until they fit.
/// </summary>
internal static class MemoryBudget
{
    /// <summary>Memory for full sizes: 110 MB of rings and tables, which the kernel charges to this cgroup, and the heap of finalizing.</summary>
    private const long FullSizeBytes = 384 << 20;

    private const int MostHalvings = 4;

    /// <summary>A recording with stacks takes 60 MB, including the process that reads ELF files and the probes' tables; without stacks, 38.</summary>
    private const long LeastForStacksBytes = 88 << 20;

    private static readonly long AvailableBytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
    private static readonly int Halvings = HalvingsFor(AvailableBytes);

    /// <summary>Why no stacks are recorded unless they are asked for; null if there is enough memory.</summary>
    public static string? NoStacksReason => LimitBytes < LeastForStacksBytes
        ? $"the memory limit of {LimitBytes >> 20} MiB is too low for them and the program: "
            + $"raise it to {LeastForStacksBytes >> 20} MiB or more, or force them with --stacks"
        : null;

    /// <summary>There is less memory than for full sizes: what needs more only to be faster does without.</summary>
    public static bool IsShort => Halvings > 0;

    private static long LimitBytes => AvailableBytes * 4 / 3;

    /// <param name="entries">A power of two stays one.</param>
    public static uint Scaled(uint entries) => entries >> Halvings;

    /// <summary>
    /// For buffers that only finalizing needs, and that may be small without losing anything: rows are written and merged in smaller parts. A heap
    /// with room for a quarter of the rings needs parts of an eighth.
    /// </summary>
    public static int ScaledPart(int entries) => entries >> Math.Max(0, 2 * Halvings - 1);

    /// <summary>
    /// Called after each part: with little memory, its garbage is freed at once. The collector alone would wait until its limit, where the
    /// runtime itself can fail (SIGSEGV in gc_heap::make_heap_segment, .NET 10).
    /// </summary>
    public static void GiveBack()
    {
        if (IsShort)
            GC.Collect();
    }

    /// <summary>
    /// With little memory, limits the heap, so that the collector throws before the kernel kills the process. The recorder gets half of the
    /// memory; the rest is for the probes, the program and the files. What native code frees goes back to the kernel at once.
    /// </summary>
    /// <param name="share">Divides that half: a helper process needs less.</param>
    public static void LimitHeap(int share = 1)
    {
        if (!IsShort)
            return;
        // glibc's own default, which stays only where it is set: otherwise it rises with the first big buffer that is freed, and malloc keeps those
        // after it. libbpf reads the kernel's BTF twice, into two buffers each; kept, they left no room for the recorder's own code at 40 MiB.
        Libc.Mallopt(Libc.MallocMmapThreshold, 128 * 1024);
        AppContext.SetData("GCHeapHardLimit", (ulong)(LimitBytes / 2 / share));
        try
        {
            GC.RefreshMemoryLimit();
        }
        catch (InvalidOperationException)
        {
            // More is already in use: the limit stays as it was.
        }
    }

    /// <param name="availableBytes">Memory available to this process and those it starts.</param>
    internal static int HalvingsFor(long availableBytes)
        => availableBytes >= FullSizeBytes ? 0 : Math.Min(MostHalvings, BitOperations.Log2((ulong)(FullSizeBytes / Math.Max(availableBytes, 1))) + 1);
}
