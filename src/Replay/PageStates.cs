namespace Faultrec.Replay;

/// <summary>State of a page in the replay's page table, as planned.</summary>
internal enum PageState : byte
{
    /// <summary>Nothing.</summary>
    Absent,

    /// <summary>Mapped ahead of its fault because of a change to the replay: in the recording it was absent.</summary>
    Filled,

    /// <summary>Mapped by a read: the zero page, or a page of a file.</summary>
    Read,

    /// <summary>Written to.</summary>
    Written,

    /// <summary>Mapped when the process, or its parent, last forked: a write faults.</summary>
    Forked,
}

/// <summary>States by page of one process; memory grows with the touched chunks of pages.</summary>
internal sealed class PageStates
{
    private const int ChunkShift = 9;
    private const long ChunkPages = 1 << ChunkShift;

    private readonly Dictionary<long, PageState[]> _chunks = [];
    private long _lastChunk = -1;
    private PageState[]? _last;

    public PageState this[long page]
    {
        get => Find(page >> ChunkShift) is { } chunk ? chunk[page & (ChunkPages - 1)] : PageState.Absent;
        set
        {
            var number = page >> ChunkShift;
            if (Find(number) is not { } chunk)
            {
                if (value == PageState.Absent)
                    return;
                _chunks[number] = chunk = new PageState[ChunkPages];
                (_lastChunk, _last) = (number, chunk);
            }

            chunk[page & (ChunkPages - 1)] = value;
        }
    }

    /// <summary>Nothing is mapped there any more.</summary>
    public void Clear(long first, long end)
    {
        if ((end - first) >> ChunkShift > _chunks.Count)
        {
            foreach (var number in _chunks.Keys.Where(number => ((number + 1) << ChunkShift) > first && (number << ChunkShift) < end).ToList())
                ClearIn(number, first, end);
            return;
        }

        for (var number = first >> ChunkShift; number << ChunkShift < end; number++)
            ClearIn(number, first, end);
    }

    /// <summary>Makes the child's states; those of both become as a fork leaves them.</summary>
    public PageStates Fork()
    {
        var child = new PageStates();
        foreach (var (number, chunk) in _chunks)
        {
            for (var i = 0; i < chunk.Length; i++)
            {
                if (chunk[i] == PageState.Written)
                    chunk[i] = PageState.Forked;
            }

            child._chunks[number] = (PageState[])chunk.Clone();
        }

        return child;
    }

    private void ClearIn(long number, long first, long end)
    {
        if (!_chunks.TryGetValue(number, out var chunk))
            return;
        var from = Math.Max(first - (number << ChunkShift), 0);
        var to = Math.Min(end - (number << ChunkShift), ChunkPages);
        if (to - from == ChunkPages)
        {
            _chunks.Remove(number);
            _lastChunk = -1;
            return;
        }

        chunk.AsSpan((int)from, (int)(to - from)).Clear();
    }

    private PageState[]? Find(long number)
    {
        if (number != _lastChunk)
        {
            if (!_chunks.TryGetValue(number, out var chunk))
                return null;
            (_lastChunk, _last) = (number, chunk);
        }

        return _last;
    }
}
