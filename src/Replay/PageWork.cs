using Faultrec.Analyzer.Classify;
using Faultrec.Replay.Native;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Replay;

/// <summary>
/// Puts a page into the state that the recorded fault found. The basic rule: the replay maps nothing that was not mapped in the recording,
/// so that each recorded fault is a fault again.
/// </summary>
internal sealed class PageWork(Tasks tasks, Layout layout, Survey survey, AccessReader access, ReplayOptions options)
{
    private const int LongestDrop = 4096;
    private const int DontNeed = 4; // MADV_*
    private const int HugePage = 14;
    private const int NoHugePage = 15;
    private const int PageOut = 21;

    private static readonly PageGeometry Pages = PageGeometry.Here;
    private static readonly ulong PageBytes = (ulong)Pages.PageBytes;
    private static readonly ulong HugeBytes = (ulong)Pages.HugeBytes;

    /// <summary>By page of the stand-in file: the slot (plus 1) whose operations brought it into the page cache.</summary>
    private readonly Dictionary<ulong, ushort[]> _cached = [];

    public void Prepare(ReplayedThread thread, ReplayedRegion region, FaultBatch batch, int row, ulong address, FaultKind kind)
    {
        var page = Pages.PageOf(address);
        var state = thread.Process.States[page];
        var found = FaultFacts.Of(batch, row);
        if (state != PageState.Absent)
            layout.WaitForOthers(thread, region);
        if (options.Swaps && kind == FaultKind.SwapDevice && region.Source == OpSource.Anonymous)
        {
            SwapOut(thread, address, state);
            return;
        }

        if (MustDrop(batch, row, found, state))
            Drop(thread, region, batch, row, address);
        if (region.KeepsRecordedHuge)
            SetHuge(thread, region, address, found != EntryFound.Present && batch.PageOrder[row] >= Pages.HugeOrder);
        if (region.IsFile && !IsTouched(thread.Process.States[page]))
            SetCache(thread, region, address, isCold: batch.Major[row]);
        if (found == EntryFound.Present && !IsTouched(state))
            tasks.Push(thread, new Op { Kind = OpKind.Prepare, Address = address });
    }

    /// <summary>After the touch.</summary>
    public void Note(ReplayedThread thread, ReplayedRegion region, FaultBatch batch, int row, ulong address)
    {
        var states = thread.Process.States;
        var isWrite = access.Of(batch, row) == FaultAccess.Write;
        if (region.FillBytes > 0 && states[Pages.PageOf(address)] == PageState.Absent && (!isWrite || region.FillsForWrites))
            FillAround(thread, region, address, isWrite);
        if (batch.PageOrder[row] >= Pages.HugeOrder)
        {
            var first = Pages.PageOf(Pages.HugeStartOf(address));
            for (var page = first; page < first + Pages.HugePages; page++)
                Set(page);
        }
        else
        {
            Set(Pages.PageOf(address));
        }

        void Set(long page)
        {
            if (isWrite)
                states[page] = PageState.Written;
            else if (!IsTouched(states[page]))
                states[page] = PageState.Read;
        }
    }

    // Without facts: a write to a page that was only read, or is shared since a fork, faults by itself; any other page had been given back.
    private bool MustDrop(FaultBatch batch, int row, EntryFound found, PageState state)
        => IsTouched(state) && found switch
        {
            EntryFound.Absent => true,
            EntryFound.Present => false,
            _ => state == PageState.Written || access.Of(batch, row) != FaultAccess.Write,
        };

    /// <summary>Gives the page back, together with following pages that fault next in order: programs give back ranges.</summary>
    private void Drop(ReplayedThread thread, ReplayedRegion region, FaultBatch batch, int row, ulong address)
    {
        var states = thread.Process.States;
        var (start, end) = (Pages.StartOf(address), Pages.StartOf(address) + PageBytes);
        if (batch.PageOrder[row] >= Pages.HugeOrder)
        {
            (start, end) = Around(region, address, HugeBytes);
        }
        else if (region.UnitBytes > 0)
        {
            (start, end) = Around(region, address, region.UnitBytes);
        }
        else
        {
            for (var next = row + 1; next < batch.Count && next <= row + LongestDrop && end < region.End; next++)
            {
                if (batch.Pid[next] != thread.Process.Pid)
                    continue;
                // The touch of another thread would not be ordered after this thread's operation.
                if (options.Change.TidOf(batch, next) != thread.Tid || batch.RegionId[next] != region.Ledger.Id
                    || Pages.PageOf((ulong)batch.Address[next] + region.Shift) != Pages.PageOf(end)
                    || batch.PageOrder[next] >= Pages.HugeOrder || !MustDrop(batch, next, FaultFacts.Of(batch, next), states[Pages.PageOf(end)]))
                {
                    break;
                }

                end += PageBytes;
            }
        }

        tasks.Push(thread, new Op { Kind = OpKind.Advise, Address = start, Length = end - start, Prot = DontNeed });
        states.Clear(Pages.PageOf(start), Pages.PageOf(end));
    }

    private void SetHuge(ReplayedThread thread, ReplayedRegion region, ulong address, bool isHuge)
    {
        var ranges = thread.Process.HugeRanges;
        if (!isHuge && ranges.Count == 0)
            return;
        var start = Pages.HugeStartOf(address);
        if (start < region.Start || start + HugeBytes > region.End)
            return;
        var isNews = isHuge
            ? ranges.Add(start)
            : ranges.Contains(start) && thread.Process.States[Pages.PageOf(address)] == PageState.Absent && ranges.Remove(start);
        if (!isNews)
            return;

        tasks.Push(thread, new Op { Kind = OpKind.Advise, Address = start, Length = HugeBytes, Prot = (byte)(isHuge ? HugePage : NoHugePage) });
    }

    // One page at a time: pages read ahead with it would no longer cause major faults.
    private void SwapOut(ReplayedThread thread, ulong address, PageState state)
    {
        if (!IsTouched(state))
            tasks.Push(thread, new Op { Kind = OpKind.Prepare, Address = address, Flags = OpFlags.Write });
        tasks.Push(thread, new Op { Kind = OpKind.Advise, Address = Pages.StartOf(address), Length = PageBytes, Prot = PageOut });
    }

    /// <summary>The page of the file comes from the page cache or from the disk, as in the recording.</summary>
    private void SetCache(ReplayedThread thread, ReplayedRegion region, ulong address, bool isCold)
    {
        var start = Pages.StartOf(address);
        ref var owner = ref CacheOf(region.FileOffset(start));
        if (isCold)
        {
            if (owner != 0)
                PushOnFile(thread, OpKind.Evict, region, start, PageBytes);
            owner = (ushort)(thread.Slot + 1);
            return;
        }

        if (owner == thread.Slot + 1)
            return;
        // The whole surroundings, unless the recording shows that a part was not in memory.
        var (first, end) = Stretch(region, start, Math.Max((ulong)PageGeometry.FaultAroundBytes, region.FillBytes), at => IsWhole(region, at));
        for (var at = first; at < end; at += PageBytes)
            CacheOf(region.FileOffset(at)) = (ushort)(thread.Slot + 1);
        PushOnFile(thread, OpKind.Warm, region, first, end - first);
    }

    /// <summary>Maps the pages that a kernel with larger units would have mapped with this one. Fault-around maps those in the page cache.</summary>
    private void FillAround(ReplayedThread thread, ReplayedRegion region, ulong address, bool isWrite)
    {
        var (start, end) = Stretch(region, address, region.FillBytes, CanFill);
        for (var at = start; at < end; at += PageBytes)
        {
            if (thread.Process.States[Pages.PageOf(at)] == PageState.Absent)
                thread.Process.States[Pages.PageOf(at)] = PageState.Filled;
        }

        if (end - start > PageBytes)
            layout.Fill(thread, region, start, end, isWrite && !(region.IsFile && region.IsShared));

        bool CanFill(ulong at)
            => thread.Process.Map.At(at)?.Region == region && (!region.IsFile || region.FillsForWrites || CacheOf(region.FileOffset(at)) != 0);
    }

    private static bool IsTouched(PageState state) => state > PageState.Filled;

    /// <summary>The aligned unit around an address, limited to the region.</summary>
    private static (ulong Start, ulong End) Around(ReplayedRegion region, ulong address, ulong unit)
        => (Math.Max(address & ~(unit - 1), region.Start), Math.Min((address & ~(unit - 1)) + unit, region.End));

    /// <summary>The page of an address, and the neighbouring pages of its aligned unit, as long as each of them qualifies.</summary>
    private static (ulong Start, ulong End) Stretch(ReplayedRegion region, ulong address, ulong unit, Predicate<ulong> takesPart)
    {
        var (lowest, highest) = Around(region, address, unit);
        var start = Pages.StartOf(address);
        var end = start + PageBytes;
        while (start > lowest && takesPart(start - PageBytes))
            start -= PageBytes;
        while (end < highest && takesPart(end))
            end += PageBytes;
        return (start, end);
    }

    private void PushOnFile(ReplayedThread thread, OpKind kind, ReplayedRegion region, ulong start, ulong length)
    {
        var (file, offset) = region.Place(start);
        tasks.Push(thread, new Op { Kind = kind, Bucket = file, Offset = offset, Length = length });
    }

    private bool IsWhole(ReplayedRegion region, ulong address)
        => !survey.IsPartial(region.Part!, region.FileOffset(address) - region.Part!.Base);

    private ref ushort CacheOf(ulong fileOffset)
    {
        if (!_cached.TryGetValue(fileOffset / HugeBytes, out var chunk))
            _cached[fileOffset / HugeBytes] = chunk = new ushort[Pages.HugePages];
        return ref chunk[Pages.PageOf(fileOffset) % Pages.HugePages];
    }
}
