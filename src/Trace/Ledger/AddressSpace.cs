using System.Text.RegularExpressions;
using Faultrec.Traces.Metadata;

namespace Faultrec.Traces.Ledger;

/// <summary>A contiguous part of a region that is mapped now.</summary>
internal readonly record struct Piece(ulong Start, ulong End, ulong FileOffset, RegionEntry Region)
{
    public bool Contains(ulong address) => address >= Start && address < End;

    /// <summary>The same piece cut to [start, end).</summary>
    public Piece Cut(ulong start, ulong end) => new(start, end, Region.Identity.Path is null ? 0 : FileOffset + (start - Start), Region);
}

/// <summary>
/// The mappings of one process as they stand at the moment the merge has reached, kept by replaying what changed them in order
/// of time. Mirrors what the kernel does to VMAs (mm/mmap.c, mm/vma.c), by identity instead of by anon_vma.
/// </summary>
internal sealed partial class AddressSpace(int pid, PageGeometry pages, Action<RegionEntry> onNewRegion)
{
    /// <summary>Faults that arrive right after their mapping went (another thread's munmap was under way) still find it.</summary>
    private const int RememberedDead = 64;

    /// <summary>A stack's mapping grows inside the very fault that touches it, so its start may be below the piece we know.</summary>
    private const ulong MaxStackGrowth = 64UL << 20;

    public const string RemoteName = "[remote]";

    private const string HeapName = "[heap]";
    private const string StackName = "[stack]";

    private readonly List<Piece> _pieces = []; // sorted by Start, disjoint
    private readonly Queue<Piece> _dead = new();
    private RegionEntry? _remote;

    private ulong? _break;

    // The page whose fault grew a stack: told by the fault, or by the mapping record that came before it.
    private ulong? _grownByFault;
    private ulong? _grownByRecord;

    public IReadOnlyList<Piece> Pieces => _pieces;

    public int Pid => pid;

    public PageGeometry Pages => pages;

    /// <summary>Who reserved which part of it.</summary>
    public MapperRanges Mappers { get; } = new();

    /// <summary>What mapping records have covered.</summary>
    public ReplacedRanges Replaced { get; } = new();

    /// <summary>Where the heap ends, rounded up to a page; null: brk(2) has not been seen, nor a heap from before the recording.</summary>
    public ulong? HeapEnd => _break;

    /// <summary>When its program began, by fork or execve; null: before the recording.</summary>
    public long? StartedNs { get; private set; }

    /// <summary>The process whose program it shares since its fork; null after execve.</summary>
    public int? ForkedFromPid { get; private set; }

    public long? ParentStartedNs { get; private set; }

    /// <summary>Another number whenever mappings of code have changed.</summary>
    public int CodeVersion { get; private set; }

    /// <summary>The file in which the program tells of code it makes: it maps it, executable, so that tools see it.</summary>
    public MappingIdentity? JitDump { get; private set; }

    /// <summary>A mapping appeared, grew, or changed protection: the kernel's record gives the whole VMA as it is now.</summary>
    public void Map(ulong start, ulong end, ulong fileOffset, MappingIdentity identity, uint flags, long? timeNs)
    {
        if (start >= end)
            return;
        if (identity.Prot[2] == 'x' && identity.Path is { } path && DumpName.IsMatch(path))
            JitDump = identity;
        NameHeap(start, identity);
        if (timeNs is null && identity.Name == HeapName)
            _break = end;
        var region = Continued(start, end, fileOffset, identity)
            ?? NewRegion(start, end, fileOffset, identity, flags, timeNs);
        if (identity.Name == StackName && Find(end - 1) is { } stack && start < stack.Start && _grownByFault != start)
            _grownByRecord = start;
        region.Cover(start, end, fileOffset);
        if (timeNs is { } now)
            Replaced.Note(start, end, now, MappedIn(start, end));
        region.LivePieces++; // before the old pieces go, so that a region that only grew does not die
        Remove(start, end, timeNs);
        Insert(new Piece(start, end, fileOffset, region));
    }

    public void Unmap(ulong start, ulong end, long timeNs)
    {
        Remove(start, pages.RoundUp(end), timeNs);
        Mappers.Clear(start, pages.RoundUp(end));
    }

    /// <summary>mremap(2), after it succeeded. Whoever moves memory has made the new place; who lets it grow where it is, what it has gained.</summary>
    /// <param name="mapper">Node of the call's stack; null: it has none.</param>
    public void Remap(ulong oldStart, ulong oldLength, ulong newStart, ulong newLength, bool keepOld, long timeNs, int? mapper = null)
    {
        MovePieces(oldStart, oldLength, newStart, newLength, keepOld, timeNs);
        (oldLength, newLength) = (pages.RoundUp(oldLength), pages.RoundUp(newLength));
        var isMoved = newStart != oldStart;
        if (isMoved && !keepOld)
            Mappers.Clear(oldStart, oldStart + oldLength);
        else if (!isMoved && newLength < oldLength)
            Mappers.Clear(oldStart + newLength, oldStart + oldLength);
        SetMapper(isMoved ? newStart : newStart + oldLength, newStart + newLength, mapper);
    }

    private void MovePieces(ulong oldStart, ulong oldLength, ulong newStart, ulong newLength, bool keepOld, long timeNs)
    {
        (oldLength, newLength) = (pages.RoundUp(oldLength), pages.RoundUp(newLength));
        if (Find(oldStart) is not { } piece)
            return;
        if (newStart == oldStart)
        {
            if (newLength < oldLength)
                Remove(oldStart + newLength, oldStart + oldLength, timeNs);
            else if (newLength > oldLength)
                Map(piece.Start, oldStart + newLength, piece.FileOffset, piece.Region.Identity, piece.Region.Flags, timeNs);
            return;
        }
        // Old length 0 maps the same shared memory a second time.
        var moved = Cuts(oldStart, oldStart + Math.Max(oldLength, 1));
        if (!keepOld && oldLength > 0)
            Remove(oldStart, oldStart + oldLength, timeNs);
        var newEnd = newStart + newLength;
        Remove(newStart, newEnd, timeNs); // MREMAP_FIXED: what was there is no part of what comes
        for (var i = 0; i < moved.Count; i++)
        {
            var from = moved[i];
            var end = i == moved.Count - 1 && newLength > oldLength ? newEnd : Math.Min(newEnd, from.End - oldStart + newStart);
            Map(from.Start - oldStart + newStart, end, from.FileOffset, from.Region.Identity, from.Region.Flags, timeNs);
        }
    }

    /// <summary>
    /// brk(2) returned. Growth came as a mapping record already, but the kernel calls the first one anonymous (its record is
    /// written before mm->brk moves; vma_is_initial_heap). Shrinking only shows here.
    /// </summary>
    /// <param name="mapper">Node of the call's stack: it made what the heap has gained; null: it has none.</param>
    public void Break(ulong newBreak, long timeNs, int? mapper = null)
    {
        var end = pages.RoundUp(newBreak);
        var before = _break ?? Find(newBreak - 1)?.Start ?? end;
        _break = end;
        SetMapper(before, end, mapper);
        Mappers.Clear(end, before);
        if (Find(newBreak - 1) is { } grown && grown.End == end && grown.Region.Identity is { Path: null, Name: "[anon]" } anonymous)
            grown.Region.Identity = anonymous with { Name = HeapName };
        var first = _pieces.FindIndex(IsHeap);
        if (first < 0 || end < _pieces[first].Start)
            return;
        var heapEnd = _pieces[_pieces.FindLastIndex(IsHeap)].End;
        if (end < heapEnd)
            Remove(end, heapEnd, timeNs);
    }

    /// <summary>brk(2) returned without a change: it tells where the heap ends.</summary>
    public void NoteBreak(ulong currentBreak) => _break = pages.RoundUp(currentBreak);

    /// <summary>shmdt(2): the whole mapping that starts here.</summary>
    public void Detach(ulong start, long timeNs)
    {
        if (Find(start) is { } piece)
            Unmap(piece.Start, piece.End, timeNs);
    }

    /// <summary>mmap(2) has mapped this.</summary>
    /// <param name="stack">Node of the call's stack; null: it has none.</param>
    /// <param name="isInaccessible">With PROT_NONE.</param>
    public void SetMapper(ulong start, ulong end, int? stack, bool isInaccessible = false)
    {
        end = pages.RoundUp(end);
        Mappers.Set(start, end, stack, isInaccessible);
        for (var i = FirstOverlap(start); i < _pieces.Count && _pieces[i].Start < end; i++)
            _pieces[i].Region.SetMapper(stack);
    }

    /// <summary>shmat(2): the whole mapping that starts here.</summary>
    public void SetMapperOfPiece(ulong start, int? stack)
    {
        if (Find(start) is { } piece)
            SetMapper(piece.Start, piece.End, stack);
    }

    /// <summary>execve or exit: everything goes.</summary>
    public void Clear(long timeNs)
    {
        Remove(0, ulong.MaxValue, timeNs);
        Mappers.ClearAll();
        Replaced.Clear();
        _break = null;
        _dead.Clear();
        // A recording can see a hundred thousand processes end.
        _pieces.TrimExcess();
        _dead.TrimExcess();
    }

    public void Execute(long timeNs)
    {
        Clear(timeNs);
        (StartedNs, ForkedFromPid, ParentStartedNs, JitDump) = (timeNs, null, null, null);
    }

    /// <summary>fork: the child has the same mappings, as regions of its own.</summary>
    public void CopyTo(AddressSpace child, long timeNs)
    {
        (child.StartedNs, child.ForkedFromPid, child.ParentStartedNs, child.JitDump) = (timeNs, pid, StartedNs, JitDump);
        Mappers.CopyTo(child.Mappers);
        child._break = _break;
        var copies = new Dictionary<RegionEntry, RegionEntry>();
        foreach (var piece in _pieces)
        {
            if (!copies.TryGetValue(piece.Region, out var copy))
            {
                copy = child.NewRegion(piece.Start, piece.End, piece.FileOffset, piece.Region.Identity, piece.Region.Flags, timeNs);
                copy.CopyMapper(piece.Region);
                copies.Add(piece.Region, copy);
            }

            copy.Cover(piece.Start, piece.End, piece.FileOffset);
            copy.LivePieces++;
            child.Insert(piece with { Region = copy });
        }
    }

    /// <summary>The mapping that served a fault here: the one in force, else a stack about to grow, else the last that was here.</summary>
    public Piece? Lookup(ulong address)
    {
        var index = IndexAt(address);
        if (index >= 0)
            return _pieces[index];
        var next = ~index;
        if (next < _pieces.Count && _pieces[next] is var above && above.Region.Identity.Name == StackName
            && above.Start - address <= MaxStackGrowth)
        {
            return above with { Start = pages.StartOf(address) };
        }

        Piece? last = null;
        foreach (var dead in _dead)
        {
            if (dead.Contains(address))
                last = dead;
        }

        return last;
    }

    /// <summary>
    /// Whether this fault made a stack grow, as the first that asks with its page: growth ends at that page (expand_downwards,
    /// mm/mmap.c). Where the probe sits at the exception the fault comes before the mapping record, else right after it.
    /// </summary>
    public bool TakeGrowth(ulong address)
    {
        var page = pages.StartOf(address);
        if (_grownByRecord == page)
        {
            _grownByRecord = null;
            return true;
        }

        if (IndexAt(address) >= 0 || Lookup(address) is not { Region.Identity.Name: StackName } piece || piece.Start != page)
            return false;
        _grownByFault = page;
        return true;
    }

    /// <summary>The mapping that is in force here.</summary>
    public Piece? Find(ulong address) => IndexAt(address) is >= 0 and var index ? _pieces[index] : null;

    /// <summary>What is mapped in [start, end), in order of address; neighbours are one.</summary>
    public List<(ulong Start, ulong End)> MappedIn(ulong start, ulong end)
    {
        var mapped = new List<(ulong Start, ulong End)>();
        for (var i = FirstOverlap(start); i < _pieces.Count && _pieces[i].Start < end; i++)
        {
            var (from, to) = (Math.Max(_pieces[i].Start, start), Math.Min(_pieces[i].End, end));
            if (mapped.Count > 0 && mapped[^1].End == from)
                mapped[^1] = (mapped[^1].Start, to);
            else
                mapped.Add((from, to));
        }

        return mapped;
    }

    /// <summary>The region that stands for memory of other address spaces; it covers what was faulted there.</summary>
    public RegionEntry Remote(ulong address, long timeNs)
    {
        var page = pages.StartOf(address);
        _remote ??= NewRegion(page, page + (ulong)pages.PageBytes, 0, new MappingIdentity("----", RemoteName, null, 0, null), 0, timeNs);
        _remote.Cover(page, page + (ulong)pages.PageBytes, 0);
        return _remote;
    }

    /// <summary>The heap's first mapping is told as anonymous (see <see cref="Break"/>); where no probe sees brk(2), the second tells.</summary>
    private void NameHeap(ulong start, MappingIdentity identity)
    {
        if (identity.Name == HeapName && Find(start) is { } first && first.Start == start
            && first.Region.Identity is { Path: null, Name: "[anon]" } anonymous && anonymous.Prot == identity.Prot)
        {
            first.Region.Identity = identity;
        }
    }

    private static bool IsHeap(Piece piece) => piece.Region.Identity.Name == HeapName;

    /// <summary>Index of the piece with this address, or the complement of where it would be inserted.</summary>
    private int IndexAt(ulong address)
    {
        var (low, high) = (0, _pieces.Count - 1);
        while (low <= high)
        {
            var middle = (low + high) >>> 1;
            if (_pieces[middle].Contains(address))
                return middle;
            if (_pieces[middle].Start > address)
                high = middle - 1;
            else
                low = middle + 1;
        }

        return ~low;
    }

    private int FirstOverlap(ulong start)
    {
        var index = IndexAt(start);
        return index >= 0 ? index : ~index;
    }

    /// <summary>What is mapped in [start, end), cut to it. Since 6.17 one mremap can move several mappings.</summary>
    private List<Piece> Cuts(ulong start, ulong end)
    {
        var cuts = new List<Piece>();
        for (var i = FirstOverlap(start); i < _pieces.Count && _pieces[i].Start < end; i++)
        {
            var cut = _pieces[i].Cut(Math.Max(_pieces[i].Start, start), Math.Min(_pieces[i].End, end));
            if (cuts.Count > 0 && cuts[^1] is var last && last.End == cut.Start && last.Region == cut.Region
                && cut.FileOffset == last.Cut(last.End, last.End).FileOffset)
            {
                cuts[^1] = last with { End = cut.End };
            }
            else
            {
                cuts.Add(cut);
            }
        }

        return cuts;
    }

    /// <summary>The oldest region under [start, end) that the new mapping continues.</summary>
    private RegionEntry? Continued(ulong start, ulong end, ulong fileOffset, MappingIdentity identity)
    {
        RegionEntry? oldest = null;
        for (var i = FirstOverlap(start); i < _pieces.Count && _pieces[i].Start < end; i++)
        {
            var piece = _pieces[i];
            var sameFilePlace = identity.Path is null || piece.FileOffset - fileOffset == piece.Start - start;
            if (!sameFilePlace || piece.Region.Identity != identity)
                continue;
            if (oldest is null || (piece.Region.BornNs ?? long.MinValue) < (oldest.BornNs ?? long.MinValue))
                oldest = piece.Region;
        }

        return oldest;
    }

    private RegionEntry NewRegion(ulong start, ulong end, ulong fileOffset, MappingIdentity identity, uint flags, long? timeNs)
    {
        var region = new RegionEntry
        {
            Pid = pid,
            Identity = identity,
            Flags = flags,
            Start = start,
            End = end,
            FileOffset = fileOffset,
            BornNs = timeNs,
        };
        onNewRegion(region);
        return region;
    }

    private void Insert(Piece piece)
    {
        NoteCode(piece);
        _pieces.Insert(FirstOverlap(piece.Start), piece);
    }

    private void NoteCode(Piece piece)
    {
        if (piece.Region.Identity.Prot[2] == 'x')
            CodeVersion++;
    }

    private void Remove(ulong start, ulong end, long? timeNs)
    {
        var first = FirstOverlap(start);
        var last = first;
        Piece? left = null, right = null;
        for (; last < _pieces.Count && _pieces[last].Start < end; last++)
        {
            var piece = _pieces[last];
            if (piece.Start < start)
                left = piece.Cut(piece.Start, start);
            if (piece.End > end)
                right = piece.Cut(end, piece.End);
            Bury(piece.Cut(Math.Max(piece.Start, start), Math.Min(piece.End, end)));
            piece.Region.LivePieces += (piece.Start < start ? 1 : 0) + (piece.End > end ? 1 : 0) - 1;
            piece.Region.DieIfGone(timeNs);
        }

        _pieces.RemoveRange(first, last - first);
        if (right is { } r)
            _pieces.Insert(first, r);
        if (left is { } l)
            _pieces.Insert(first, l);
    }

    /// <summary>The name by which perf, too, knows a jitdump among mappings.</summary>
    [GeneratedRegex(@"/jit-[0-9]+\.dump$")]
    private static partial Regex DumpName { get; }

    private void Bury(Piece piece)
    {
        NoteCode(piece);
        if (_dead.Count == RememberedDead)
            _dead.Dequeue();
        _dead.Enqueue(piece);
    }
}
