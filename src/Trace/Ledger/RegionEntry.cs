namespace Faultrec.Traces.Ledger;

/// <summary>What a mapping is of; two mappings with equal identities can be one VMA to the kernel.</summary>
internal sealed record MappingIdentity(string Prot, string Name, string? Path, ulong Inode, string? Device)
{
    /// <summary>The same from a MMAP2 record and from /proc/PID/maps, where anonymous memory has no name at all.</summary>
    /// <param name="prot">As in /proc/PID/maps.</param>
    public static MappingIdentity Of(string name, string prot, ulong inode, string device)
        => name != "//anon" && (inode != 0 || name.StartsWith('/'))
            ? new MappingIdentity(prot, name, name, inode, device)
            : new MappingIdentity(prot, name is "//anon" or "" ? "[anon]" : name, null, 0, null);
}

/// <summary>
/// A region of the ledger while it is being built. Pieces of it may be unmapped or change protection; it lives while one is left.
/// </summary>
internal sealed class RegionEntry
{
    /// <summary>0 until a fault lands on it or the ledger is written.</summary>
    public int Id { get; set; }

    public required int Pid { get; init; }

    public required MappingIdentity Identity { get; set; }

    /// <summary>MAP_* flags of the mapping record; 0 when it came from /proc/PID/maps, which does not tell.</summary>
    public uint Flags { get; init; }

    public required ulong Start { get; set; }

    public required ulong End { get; set; }

    public required ulong FileOffset { get; set; }

    public required long? BornNs { get; init; }

    public long? DiedNs { get; set; }

    public int Lives { get; set; } = 1;

    public int LivePieces { get; set; }

    /// <summary>Node of the stack of the system calls that made it, where all of it is known to have the same; else null.</summary>
    public int? MapperStack { get; private set; }

    /// <summary>Parts of it have different stacks, or none.</summary>
    private bool IsOfSeveral { get; set; }

    /// <summary>The entry that stands for this one in a full ledger.</summary>
    public RegionEntry? FoldedInto { get; private set; }

    /// <summary>Folded into this one, and not dead.</summary>
    private int LiveFolded { get; set; }

    /// <summary>A system call has mapped a part of it.</summary>
    /// <param name="stack">Null: it has none.</param>
    public void SetMapper(int? stack)
    {
        // What was there before the recording was made by nobody that is known.
        var isFirst = MapperStack is null && !IsOfSeveral && BornNs is not null;
        IsOfSeveral = stack is null || !(isFirst || MapperStack == stack);
        MapperStack = IsOfSeveral ? null : stack;
        FoldedInto?.SetMapper(stack);
    }

    public void CopyMapper(RegionEntry original) => (MapperStack, IsOfSeveral) = (original.MapperStack, original.IsOfSeveral);

    /// <summary>Widens the entry; its range is the widest that its mappings had.</summary>
    public void Cover(ulong start, ulong end, ulong fileOffset)
    {
        if (start < Start)
            (Start, FileOffset) = (start, fileOffset);
        End = Math.Max(End, end);
        FoldedInto?.Cover(start, end, fileOffset);
    }

    /// <summary>After <see cref="LivePieces"/> went down: dead when neither a piece nor a folded mapping is left.</summary>
    public void DieIfGone(long? timeNs)
    {
        if (LivePieces + LiveFolded > 0)
            return;
        DiedNs = timeNs;
        if (FoldedInto is null)
            return;
        FoldedInto.LiveFolded--;
        FoldedInto.DieIfGone(timeNs);
    }

    public void FoldInto(RegionEntry entry)
    {
        FoldedInto = entry;
        entry.SetMapper(MapperStack);
        entry.Lives++;
        entry.Cover(Start, End, FileOffset);
        if (DiedNs is { } diedNs)
        {
            entry.DiedNs = entry.DiedNs is { } other ? Math.Max(other, diedNs) : null;
            return;
        }

        entry.LiveFolded++;
        entry.DiedNs = null;
    }
}
