using Faultrec.Traces.Columns;

namespace Faultrec.MakeTrace;

/// <summary>
/// Page-table facts as such a machine's faults would have them: fresh pages of an arena in runs of neighbouring frames, a missing page
/// table every 2 MiB; in the heap first writes, zero-page copies, copies and re-uses after a fork; file pages that are not mapped yet.
/// </summary>
internal sealed class SyntheticPageTable(Random random, int processes)
{
    public const long ZeroFrame = 0x2042;
    public const long Frames = 1 << 24;

    private const int PagesOfTable = 512;
    private const long Present = 0x25; // present, user, accessed
    private const long PresentDirty = 0x65;
    private const int FrameShift = 12;

    private readonly long[] _nextFrame = new long[processes];

    public void Fill(FaultBatch batch, int row, int process, bool isFile, bool isArena, ulong page)
    {
        (batch.PtLevel[row], batch.PteBefore[row], batch.PageOrder[row]) = (0, 0, 0);
        batch.Pfn[row] = isFile ? (long)page + (random.Next(64) * 1024) : Next(process);
        if (isArena)
            batch.PtLevel[row] = (sbyte)(page % PagesOfTable == 0 ? 1 : 0);
        else if (!isFile)
            batch.PteBefore[row] = HeapEntry(batch.Pfn[row]);
    }

    private long HeapEntry(long frame) => random.Next(4) switch
    {
        0 => Present | (ZeroFrame << FrameShift),
        1 => PresentDirty | (random.NextInt64(Frames) << FrameShift),
        2 => PresentDirty | (frame << FrameShift),
        _ => 0,
    };

    // What the buddy allocator hands out: a stretch, then another place.
    private long Next(int process)
    {
        if (random.Next(64) == 0)
            _nextFrame[process] = random.NextInt64(Frames);
        return _nextFrame[process] = (_nextFrame[process] + 1) % Frames;
    }
}
