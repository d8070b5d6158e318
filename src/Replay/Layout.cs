using Faultrec.Replay.Native;
using Faultrec.Traces.Metadata;

namespace Faultrec.Replay;

/// <summary>Gives the engine the mappings that the recorded process had at the time of a fault.</summary>
internal sealed class Layout(Tasks tasks)
{
    private const ulong Nowhere = ulong.MaxValue;
    private const int PopulateRead = 22; // MADV_*
    private const int PopulateWrite = 23;

    /// <summary>Maps the region, unless it is already mapped at that address.</summary>
    public void Ensure(ReplayedThread thread, ReplayedRegion region, ulong address)
    {
        if (thread.Process.Map.At(address)?.Region == region)
        {
            tasks.WaitFor(thread, region.Mapped.Slot, region.Mapped.Position);
            return;
        }

        Place(thread, region, address);
    }

    /// <summary>
    /// File mappings are made when they began in the recording, touched or not: a fault maps the pages around it up to the mapping's end, so
    /// neighbouring mappings matter. Anonymous memory is mapped at its first fault.
    /// </summary>
    public void Born(ReplayedProcess process, ReplayedRegion region) => Place(process.Active!, region, Nowhere);

    /// <summary>Orders the operations of other threads in the region so far before this thread's next operation.</summary>
    public void WaitForOthers(ReplayedThread thread, ReplayedRegion region)
    {
        foreach (var (slot, position) in region.Touchers)
            tasks.WaitFor(thread, slot, position);
    }

    /// <summary>The region has ended.</summary>
    public void End(ReplayedProcess process, ReplayedRegion region)
    {
        region.HasDied = true;
        var pieces = process.Map.Within(region.Start, region.End).Where(piece => piece.Region == region).ToList();
        if (pieces.Count == 0)
            return;
        var thread = process.Active!;
        WaitForOthers(thread, region);
        foreach (var piece in pieces)
        {
            var position = tasks.Push(thread, new Op { Kind = OpKind.Unmap, Address = piece.Start, Length = piece.End - piece.Start });
            region.Touched(thread.Slot, position);
            process.Map.Set(piece.Start, piece.End, null);
            process.States.Clear(PageGeometry.Here.PageOf(piece.Start), PageGeometry.Here.PageOf(piece.End));
        }
    }

    /// <summary>
    /// Maps the region's whole range, except where younger regions overlap it: the ledger has the widest range that a region had. At
    /// the fault's address it is mapped in any case.
    /// </summary>
    private void Place(ReplayedThread thread, ReplayedRegion region, ulong address)
    {
        var at = region.Start;
        foreach (var piece in thread.Process.Map.Within(region.Start, region.End))
        {
            if (piece.Start > at)
                Map(thread, region, at, piece.Start);
            var (start, end) = (Math.Max(piece.Start, region.Start), Math.Min(piece.End, region.End));
            at = end;
            if (piece.Region == region || (IsOver(piece.Region, region) && !(start <= address && address < end)))
                continue;
            if (piece.Region.Ledger.Pid == region.Ledger.Pid)
                WaitForOthers(thread, piece.Region);
            if (Keeps(piece.Region, region))
                Adopt(thread, piece.Region, region, start, end);
            else
                Map(thread, region, start, end);
        }

        if (at < region.End)
            Map(thread, region, at, region.End);
    }

    private static bool IsOver(ReplayedRegion placed, ReplayedRegion region)
        => !placed.HasDied && placed.Ledger.Pid == region.Ledger.Pid && placed.BornNs > region.BornNs;

    // A region of the process this one was forked from is this one; within a process memory that was writable, and now has another
    // protection, has been mprotected. Other mappings over the same file are new ones (the loader maps a file over itself).
    private static bool Keeps(ReplayedRegion placed, ReplayedRegion region)
        => placed.IsSameMemory(region)
            && (placed.Ledger.Pid != region.Ledger.Pid || (placed.Ledger.Prot != region.Ledger.Prot && placed.Ledger.Prot is [_, 'w', ..]));

    private void Adopt(ReplayedThread thread, ReplayedRegion from, ReplayedRegion region, ulong start, ulong end)
    {
        if (from.Prot != region.Prot)
            Changed(thread, region, tasks.Push(thread, new Op { Kind = OpKind.Protect, Address = start, Length = end - start, Prot = region.Prot }));
        thread.Process.Map.Set(start, end, region);
        // A child inherits the pages that its parent had filled.
        if (from.Ledger.Pid == region.Ledger.Pid)
            Populate(thread, region, start, end);
    }

    private void Map(ReplayedThread thread, ReplayedRegion region, ulong start, ulong end)
    {
        var (hugeStart, hugeEnd) = (PageGeometry.Here.HugeStartOf(start + ReplayedRegion.HugeBytes - 1), PageGeometry.Here.HugeStartOf(end));
        if (region.IsHugetlb && hugeStart < hugeEnd)
        {
            if (start < hugeStart)
                MapPiece(thread, region, start, hugeStart, OpFlags.Small);
            MapPiece(thread, region, hugeStart, hugeEnd, OpFlags.Hugetlb);
            if (hugeEnd < end)
                MapPiece(thread, region, hugeEnd, end, OpFlags.Small);
        }
        else
        {
            MapPiece(thread, region, start, end, region.IsHuge ? OpFlags.Huge : OpFlags.Small);
        }

        thread.Process.Map.Set(start, end, region);
        thread.Process.States.Clear(PageGeometry.Here.PageOf(start), PageGeometry.Here.PageOf(end));
        if (thread.Process.HugeRanges.Count > 0)
            thread.Process.HugeRanges.RemoveWhere(range => range >= start && range < end);
        Populate(thread, region, start, end);
    }

    /// <summary>Maps the missing pages of a range, as MAP_POPULATE would: with copies, if it is a writable private mapping.</summary>
    /// <returns>The position after it.</returns>
    public ulong Fill(ReplayedThread thread, ReplayedRegion region, ulong start, ulong end, bool forWrites)
    {
        var position = tasks.Push(thread,
            new Op { Kind = OpKind.Fill, Address = start, Length = end - start, Prot = (byte)(forWrites ? PopulateWrite : PopulateRead) });
        region.Touched(thread.Slot, position);
        return position;
    }

    private void Populate(ReplayedThread thread, ReplayedRegion region, ulong start, ulong end)
    {
        if (region.IsPopulated && region.HasFaults && region.Prot != 0)
            region.Mapped = (thread.Slot, Fill(thread, region, start, end, region.IsWritable && !region.IsShared));
    }

    private void MapPiece(ReplayedThread thread, ReplayedRegion region, ulong start, ulong end, OpFlags pages)
    {
        var (file, offset) = region.Place(start);
        var op = new Op
        {
            Kind = OpKind.Map,
            Bucket = file,
            Address = start,
            Length = end - start,
            Offset = offset,
            Flags = pages | (region.Ledger.Prot is [_, _, 'x', ..] ? OpFlags.Exec : OpFlags.None),
            Prot = region.Prot,
            Source = region.Source,
        };
        Changed(thread, region, tasks.Push(thread, op));
    }

    private static void Changed(ReplayedThread thread, ReplayedRegion region, ulong position)
    {
        region.Mapped = (thread.Slot, position);
        region.Touched(thread.Slot, position);
    }
}
