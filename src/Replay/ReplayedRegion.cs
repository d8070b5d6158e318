using Faultrec.Analyzer.Classify;
using Faultrec.Replay.Native;
using Faultrec.Traces.Metadata;

namespace Faultrec.Replay;

/// <summary>A region of the trace as the engine maps it: its place, its file, and the threads that have touched it so far.</summary>
internal sealed class ReplayedRegion
{
    /// <summary>Of every 5-level or 4-level process that does not ask for more: TASK_SIZE_MAX of 47 bits.</summary>
    public const ulong UserEnd = 0x7fff_ffff_f000;

    public static ulong HugeBytes => (ulong)PageGeometry.Here.HugeBytes;

    // The engine's image and arena (engine/engine.h), with a margin; and the addresses that mmap_min_addr forbids to ordinary users.
    private const ulong WindowStart = 0x2a00_0000_0000;
    private const ulong WindowBytes = 1UL << 37;
    private const ulong LowEnd = 0x10000;

    private readonly Dictionary<int, ulong> _touchers = [];
    private int _lastToucher = -1;
    private ulong _lastPosition;

    private ReplayedRegion(Region ledger, ulong shift, ReplayChange change, bool isForkCopy)
    {
        (Ledger, Start, End, Shift) = (ledger, ledger.Start + shift, ledger.End + shift, shift);
        var facts = MappingFacts.Of(ledger);
        Source = SourceOf(ledger, facts);
        IsShared = facts.IsShared;
        IsReadable = ledger.Prot is ['r', ..];
        IsWritable = ledger.Prot is [_, 'w', ..];
        // As in Simulation: a stack grows downwards through its huge pages, and so gets none.
        var canBeHuge = Source == OpSource.Anonymous && ledger.Name != "[stack]";
        IsHugetlb = canBeHuge && change.IsHugetlb;
        IsHuge = canBeHuge && !IsHugetlb && change.HugePages?.Invoke(ledger) == true;
        KeepsRecordedHuge = change.HugePages is null && !change.NoHugePages && !IsHugetlb;
        IsPopulated = !isForkCopy && facts.CanBePopulated && change.Populated?.Invoke(ledger) == true;
        FillBytes = (ulong)Math.Max(change.PageBytes, IsFile ? change.FaultAroundBytes : 0);
        FillsForWrites = FillBytes == (ulong)change.PageBytes;
    }

    public Region Ledger { get; }

    /// <summary>In the engine.</summary>
    public ulong Start { get; }

    public ulong End { get; }

    /// <summary>From recorded to replayed addresses: whole huge pages, 0 where the recorded ones are free.</summary>
    public ulong Shift { get; }

    public OpSource Source { get; }

    public bool IsShared { get; }

    public bool IsFile => Source is OpSource.File or OpSource.FileShared;

    public bool HasStandIn => Source >= OpSource.File;

    /// <summary>Where its part begins in the stand-in file; set when all parts are known.</summary>
    public StandInPart? Part { get; set; }

    /// <summary>Writable by its protection, or because it was written to.</summary>
    public bool IsReadable { get; set; }

    public bool IsWritable { get; set; }

    public byte Prot => (byte)((IsReadable ? Libc.ProtRead : 0) | (IsWritable ? Libc.ProtWrite : 0));

    public long BornNs => Ledger.BornNs ?? long.MinValue;

    public bool HasDied { get; set; }

    /// <summary>At least one of its faults is replayed.</summary>
    public bool HasFaults { get; set; }

    /// <summary>Huge pages are asked for (--thp always).</summary>
    public bool IsHuge { get; }

    /// <summary>Whole huge pages of it come from the pool (--hugetlb).</summary>
    public bool IsHugetlb { get; }

    /// <summary>Huge pages are used where the recording had them.</summary>
    public bool KeepsRecordedHuge { get; }

    /// <summary>Filled when it is mapped (--populate).</summary>
    public bool IsPopulated { get; }

    /// <summary>After a fault the rest of the aligned bytes around it is mapped, too (--page-size, --fault-around); 0: it is not.</summary>
    public ulong FillBytes { get; }

    /// <summary>The same after a fault by a write.</summary>
    public bool FillsForWrites { get; }

    /// <summary>What is given back at once.</summary>
    public ulong UnitBytes => IsHugetlb ? HugeBytes : FillsForWrites ? FillBytes : 0;

    /// <summary>What one fault fills of memory, bytes.</summary>
    public ulong FilledBytes => IsHuge || IsHugetlb ? HugeBytes : Math.Max(FillBytes, (ulong)PageGeometry.Here.PageBytes);

    /// <summary>Slots that touched it or mapped a part, and the position behind the last such operation of each.</summary>
    public IEnumerable<KeyValuePair<int, ulong>> Touchers
        => _lastToucher < 0 ? _touchers : _touchers.Where(toucher => toucher.Key != _lastToucher).Append(new(_lastToucher, _lastPosition));

    /// <summary>Slot of the thread that mapped it, and the position behind.</summary>
    public (int Slot, ulong Position) Mapped { get; set; } = (-1, 0);

    /// <param name="isForkCopy">It came with a fork.</param>
    /// <returns>Null: no place for it on this machine.</returns>
    public static ReplayedRegion? Of(Region ledger, ReplayChange change, bool isForkCopy)
    {
        if (ledger.Start >= ledger.End || ledger.End > UserEnd || !PageGeometry.Here.IsAligned(ledger.Start | ledger.End))
            return null;
        var shift = ledger.Start < LowEnd ? HugeBytes : 0;
        while (ledger.End + shift <= UserEnd && ledger.Start + shift < WindowStart + WindowBytes && ledger.End + shift > WindowStart)
            shift += WindowBytes;
        return ledger.End + shift <= UserEnd ? new ReplayedRegion(ledger, shift, change, isForkCopy) : null;
    }

    /// <summary>Where the engine itself lies.</summary>
    public static bool IsEngines(ulong address) => address >= WindowStart && address < WindowStart + WindowBytes;

    /// <summary>In the stand-in file, also where the file itself is mapped: a number for each page.</summary>
    public ulong FileOffset(ulong address) => Part!.Base + (Ledger.FileOffset - Part.FirstByte) + (address - Start);

    /// <summary>Of operations on its file: which, and where in it.</summary>
    public (uint File, ulong Offset) Place(ulong address)
        => Part?.Real is { } real ? ((uint)real.DangerousGetHandle() + 1, Ledger.FileOffset + (address - Start)) : (0, HasStandIn ? FileOffset(address) : 0);

    /// <summary>The other's memory at an address can stand for this one's there.</summary>
    public bool IsSameMemory(ReplayedRegion other)
        => Source == other.Source && (!HasStandIn || FileOffset(Start) - Start == other.FileOffset(other.Start) - other.Start);

    public void Touched(int slot, ulong position)
    {
        if (slot != _lastToucher)
        {
            if (_lastToucher >= 0)
                _touchers[_lastToucher] = _lastPosition;
            _lastToucher = slot;
        }

        _lastPosition = position;
    }

    private static OpSource SourceOf(Region ledger, in MappingFacts facts) => facts.Backing switch
    {
        MappingBacking.Shmem when ledger.Path is not null => facts.IsShared ? OpSource.MemoryFileShared : OpSource.MemoryFile,
        MappingBacking.File or MappingBacking.Special => facts.IsShared ? OpSource.FileShared : OpSource.File,
        _ => facts.IsShared ? OpSource.Shared : OpSource.Anonymous,
    };
}
