using System.Numerics;

namespace Faultrec.Recorder.Kernel;

/// <summary>
/// What a recording may take of the memory that there is. The collector knows how much that is: three quarters of what the cgroup
/// or a limit allows, or all of the machine's. What has a size from the start (rings, tables, row groups) is halved until it fits.
/// </summary>
internal static class MemoryBudget
{
    /// <summary>What full sizes need: 110 MB of rings and tables, which the kernel charges to our cgroup, and the heap of finalizing.</summary>
    private const long FullSizeBytes = 384 << 20;

    private const int MostHalvings = 4;

    /// <summary>A recording with stacks takes 60 MB, the process that reads ELF files and the probes' tables among them; without, 35.</summary>
    private const long LeastForStacksBytes = 88 << 20;

    private static readonly long AvailableBytes = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
    private static readonly int Halvings = HalvingsFor(AvailableBytes);

    /// <summary>Why no stacks are taken unless they are asked for; null where there is room.</summary>
    public static string? NoStacksReason => LimitBytes < LeastForStacksBytes
        ? $"the memory limit of {LimitBytes >> 20} MiB leaves no room for them and the program: "
            + $"raise it to {LeastForStacksBytes >> 20} MiB or more, or insist with --stacks"
        : null;

    private static long LimitBytes => AvailableBytes * 4 / 3;

    /// <param name="entries">A power of two stays one.</param>
    public static uint Scaled(uint entries) => entries >> Halvings;

    /// <summary>
    /// Of what only finalizing has, which loses nothing by being small: rows are written and merged in smaller parts. A heap with room for
    /// a quarter of the rings needs parts of an eighth.
    /// </summary>
    public static int ScaledPart(int entries) => entries >> Math.Max(0, 2 * Halvings - 1);

    /// <summary>
    /// After each part: in little memory what it left is given back at once. The collector alone would wait for its limit, where the
    /// runtime itself can fail (SIGSEGV in gc_heap::make_heap_segment, .NET 10).
    /// </summary>
    public static void GiveBack()
    {
        if (Halvings > 0)
            GC.Collect();
    }

    /// <summary>
    /// In little memory the collector's heap is not to fill it: beyond, the kernel kills, where the collector throws. Half of what there
    /// is for the recorder; the rest is the probes', the program's and the files'.
    /// </summary>
    /// <param name="share">Of half: a helper of ours is content with less.</param>
    public static void LimitHeap(int share = 1)
    {
        if (Halvings == 0)
            return;
        AppContext.SetData("GCHeapHardLimit", (ulong)(LimitBytes / 2 / share));
        try
        {
            GC.RefreshMemoryLimit();
        }
        catch (InvalidOperationException)
        {
            // More is in use already: it stays as it was.
        }
    }

    /// <param name="availableBytes">Of memory, to us and to what we start.</param>
    internal static int HalvingsFor(long availableBytes)
        => availableBytes >= FullSizeBytes ? 0 : Math.Min(MostHalvings, BitOperations.Log2((ulong)(FullSizeBytes / Math.Max(availableBytes, 1))) + 1);
}
