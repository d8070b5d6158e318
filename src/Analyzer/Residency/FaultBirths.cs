using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Residency;

/// <summary>Pages that faults make resident: the page that faulted, and those that the same fault mapped with it.</summary>
internal sealed class FaultBirths(TraceMetadata metadata, PageBooks books, AccountRegions regions)
{
    // So many rows go through the steps together: in a short loop the processor waits for the states of several pages at once, and changes do not
    // wait for each look-up.
    private const int RowsTogether = 128;

    private readonly PageGeometry _pages = metadata.Pages;
    private readonly AccessReader _access = new(metadata.Backend);
    private readonly bool _hasStacks = metadata.Stacks is not null;
    private readonly bool _hasFrames = KindRule.CanTell(metadata);
    private readonly long _zeroPfn = metadata.PageTable?.ZeroPfn ?? FaultBatch.Null;
    private readonly Touch[] _touches = new Touch[RowsTogether];
    private PageOwner? _lastOwner;

    // Pages of the last owner that are not in the books yet.
    private PageOwner? _entering;
    private Entry _entry;
    private int _seen;

    /// <summary>What a fault did to a page.</summary>
    [Flags]
    private enum Effect
    {
        None = 0,

        /// <summary>The page was mapped, and a copy has taken its place.</summary>
        Replaced = 1,

        /// <summary>Nothing was mapped there.</summary>
        WasMissing = 2,

        /// <summary>More pages than one: see <see cref="MakeSeveral"/>.</summary>
        Several = 4,

        /// <summary>No page that counts is mapped.</summary>
        Nothing = 8,
    }

    public FaultColumns Columns
        => FaultColumns.TimeNs | FaultColumns.Pid | FaultColumns.Address | FaultColumns.RegionId | FaultColumns.Signal
            | FaultColumns.DurationNs | _access.Columns | (_hasStacks ? FaultColumns.StackId | FaultColumns.MapperStackId : FaultColumns.None)
            | (_hasFrames
                ? FaultColumns.PtLevel | FaultColumns.PteBefore | FaultColumns.Pfn | FaultColumns.PageOrder | FaultColumns.MappedAround
                : FaultColumns.None);

    /// <summary>Rows between which nothing but faults happened.</summary>
    public void Add(FaultBatch batch, int from, int to)
    {
        for (var row = from; row < to; row += RowsTogether)
        {
            var touches = _touches.AsSpan(0, Choose(batch, row, Math.Min(row + RowsTogether, to)));
            LookUp(batch, touches);
            Apply(batch, touches);
        }

        Enter();
    }

    /// <summary>Finds the rows that map a page that counts, and who is charged.</summary>
    /// <returns>How many.</returns>
    private int Choose(FaultBatch batch, int from, int to)
    {
        var (pids, regionIds, signals) = (batch.Pid, batch.RegionId, batch.Signal);
        var (stacks, mappers) = _hasStacks ? (batch.StackId, batch.MapperStackId) : (null, null);
        var frames = new Frames(batch, _hasFrames);
        var count = 0;
        for (var row = from; row < to; row++)
        {
            var regionId = regionIds[row];
            ref readonly var mapping = ref regions.FactsOf(regionId);
            if (signals[row] != FaultBatch.Null || !mapping.CountsAsResident)
                continue;
            if (mapping.IsAnonymousPrivate || (!mapping.IsShared && _access.Of(batch, row) == FaultAccess.Write))
                regions.MarkCopiedByFork(regionId);
            var effect = _hasFrames ? EffectOf(frames, row) : Effect.None;
            if (effect == Effect.Nothing || (effect == (Effect.Several | Effect.WasMissing) && mapping.IsAnonymousPrivate && IsHugeZeroPage(batch, row)))
                continue;
            var (pid, stack, mapper) = (pids[row], stacks is null ? FaultBatch.Null : stacks[row], mappers is null ? FaultBatch.Null : mappers[row]);
            if (_lastOwner is null || !_lastOwner.IsOfFaults(pid, regionId, stack, mapper))
                _lastOwner = books.OwnerOfFaults(pid, regionId, stack, mapper);
            ref var touch = ref _touches[count++];
            (touch.Row, touch.Owner, touch.Effect) = (row, _lastOwner.Index, effect);
        }

        return count;
    }

    private Effect EffectOf(in Frames frames, int row)
    {
        if (frames.PtLevel[row] < 0)
            return Effect.None;
        var (pfn, order) = (frames.Pfn[row], frames.PageOrder[row]);
        // Not mapped when the fault was over, or by the zero page, which the kernel does not count.
        if (pfn < 0 || pfn == _zeroPfn)
            return Effect.Nothing;
        var before = new PageTableEntry(frames.PteBefore[row]);
        if (order > 0 && order <= _pages.HugeOrder)
            return Effect.Several | (before.IsMissing ? Effect.WasMissing : Effect.None);
        var effect = frames.MappedAround[row] > 0 ? Effect.Several : Effect.None;
        if (before.IsPresent)
            return before.Frame(0) != pfn ? effect | Effect.Replaced : effect;
        return before.IsProtNone ? effect : effect | Effect.WasMissing;
    }

    // do_huge_pmd_anonymous_page: what is read first is the huge zero page (unless use_zero_page is 0, which is not its default).
    private bool IsHugeZeroPage(FaultBatch batch, int row)
        => batch.PageOrder[row] == _pages.HugeOrder && _access.Of(batch, row) is FaultAccess.Read or FaultAccess.Exec;

    /// <summary>Finds the pages' states, and reads each once, so that they are near when they change.</summary>
    private void LookUp(FaultBatch batch, Span<Touch> touches)
    {
        var addresses = batch.Address;
        foreach (ref var touch in touches)
            touch.Place = books.OwnerAt(touch.Owner).Process.States.PlaceOf(_pages.PageOf((ulong)addresses[touch.Row]));
        var seen = 0;
        foreach (ref readonly var touch in touches)
            seen |= books.OwnerAt(touch.Owner).Process.States.At(touch.Place);
        _seen = seen;
    }

    private void Apply(FaultBatch batch, ReadOnlySpan<Touch> touches)
    {
        var (times, durations) = (batch.TimeNs, batch.DurationNs);
        foreach (ref readonly var touch in touches)
        {
            var row = touch.Row;
            if (times[row] > books.NowNs)
                books.NowNs = times[row];
            if (_entering is null || _entering.Index != touch.Owner)
            {
                Enter();
                _entering = books.OwnerAt(touch.Owner);
            }

            var isCounted = false;
            if ((touch.Effect & Effect.Several) == 0)
                Make(ref _entering.Process.States.At(touch.Place), _entering, touch.Effect, durations[row], ref isCounted);
            else
                MakeSeveral(batch, row, _entering, touch.Effect);
        }
    }

    private void MakeSeveral(FaultBatch batch, int row, PageOwner owner, Effect effect)
    {
        var page = _pages.PageOf((ulong)batch.Address[row]);
        var states = owner.Process.States;
        var (order, durationNs, isCounted) = (batch.PageOrder[row], batch.DurationNs[row], false);
        if (order > 0 && order <= _pages.HugeOrder)
        {
            var first = page - (batch.Pfn[row] & ((1L << order) - 1));
            for (var i = 0L; i < 1L << order; i++)
                Make(ref states[first + i], owner, effect, durationNs, ref isCounted);
            return;
        }

        Make(ref states[page], owner, effect, durationNs, ref isCounted);
        var window = page & -FaultBatch.AroundPages;
        for (var i = 0; i < FaultBatch.AroundBits; i++)
        {
            if ((batch.MappedAround[row] & (1 << i)) != 0 && window + i != page)
                Make(ref states[window + i], owner, Effect.WasMissing, durationNs, ref isCounted);
        }
    }

    /// <param name="owner">Whose pages are entering.</param>
    /// <param name="isCounted">The fault has touched a page again that had been given back; it counts once.</param>
    private void Make(ref int state, PageOwner owner, Effect effect, long durationNs, ref bool isCounted)
    {
        if (PageState.IsResident(state))
        {
            if ((effect & (Effect.Replaced | Effect.WasMissing)) == 0)
                return;
            if ((effect & Effect.WasMissing) != 0)
            {
                books.OwnerIn(state).Reclaimed++;
                owner.Process.Reclaimed++;
            }

            Enter();
            books.Leave(ref state);
        }
        else if (PageState.IsGivenBack(state))
        {
            TouchAgain(state, owner, durationNs, ref isCounted);
        }

        state = PageState.Resident(owner.Index, books.IsInWindow);
        _entry.Add(books.NowNs);
    }

    private void TouchAgain(int state, PageOwner owner, long durationNs, ref bool isCounted)
    {
        books.TakeAgain(owner.Process, state);
        var site = books.SiteIn(state);
        // What lies there now may be another mapping, but is memory of the same kind.
        if (site.Region != owner.RegionName)
            return;
        site.AddTouch(owner.Index, isCounted ? new TouchedAgain(1, 0, 0) : new TouchedAgain(1, 1, Math.Max(durationNs, 0)));
        isCounted = true;
    }

    /// <summary>
    /// Puts the pages of one owner into the books. Between them none has left, so that the last is the one with which the most are resident.
    /// </summary>
    private void Enter()
    {
        if (_entry.Pages > 0)
            books.Enter(_entering!, _entry);
        _entry = default;
    }

    /// <summary>A row that maps a page.</summary>
    private struct Touch
    {
        public int Row;

        /// <summary>Index of <see cref="PageBooks.Owners"/>.</summary>
        public int Owner;

        /// <summary>Of the state of the page that faulted.</summary>
        public int Place;

        public Effect Effect;
    }

    /// <summary>Columns of page-table facts.</summary>
    private readonly ref struct Frames(FaultBatch batch, bool has)
    {
        public readonly ReadOnlySpan<sbyte> PtLevel = has ? batch.PtLevel : [];
        public readonly ReadOnlySpan<sbyte> PageOrder = has ? batch.PageOrder : [];
        public readonly ReadOnlySpan<long> Pfn = has ? batch.Pfn : [];
        public readonly ReadOnlySpan<long> PteBefore = has ? batch.PteBefore : [];
        public readonly ReadOnlySpan<int> MappedAround = has ? batch.MappedAround : [];
    }
}
