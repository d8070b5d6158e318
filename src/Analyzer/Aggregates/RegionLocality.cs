namespace Faultrec.Analyzer;

/// <summary>In which order were the pages of one region touched, and touched again, and by whom?</summary>
public sealed class RegionLocality
{
    private readonly PageMap<PageState> _pages;

    internal RegionLocality(long firstPage, long pages) => _pages = new PageMap<PageState>(firstPage, pages);

    /// <summary>Pairs of faults of one thread with none of its in the region between.</summary>
    public long Steps { get; private set; }

    /// <summary>Steps by one page up or down.</summary>
    public long SequentialSteps { get; private set; }

    /// <summary>Stretches of steps by one page up; n steps make a run of n + 1 pages.</summary>
    public long RunsUp { get; private set; }

    public long RunsDown { get; private set; }

    /// <summary>Pages of the longest run; 0 without any.</summary>
    public long LongestRun { get; private set; }

    public StrideCounts Strides { get; } = new();

    /// <summary>Faults on pages that had faulted before: faults of the process between the two.</summary>
    public LatencyHistogram Distances { get; } = new();

    /// <summary>Pages that another thread faulted on again than the one that touched them first.</summary>
    public long SharedPages { get; private set; }

    /// <summary>Faults on a page by another thread than the one that touched it first.</summary>
    public long ForeignRefaults { get; private set; }

    internal void Touch(long page, int thread, uint fault)
    {
        ref var state = ref _pages[page];
        if (state.FirstThread == 0)
        {
            state.FirstThread = thread + 1;
        }
        else
        {
            // Numbers of faults wrap around; a distance of 2^32 and more is too short by as much.
            Distances.Add(fault - state.LastFault - 1);
            if (Math.Abs(state.FirstThread) != thread + 1)
                AddForeign(ref state);
        }

        state.LastFault = fault;
    }

    internal void AddSteps(long pages, long steps)
    {
        Steps += steps;
        Strides.Add(pages, steps);
        if (pages is not (1 or -1))
            return;
        SequentialSteps += steps;
        if (pages == 1)
            RunsUp++;
        else
            RunsDown++;
        LongestRun = Math.Max(LongestRun, steps + 1);
    }

    private void AddForeign(ref PageState state)
    {
        ForeignRefaults++;
        if (state.FirstThread < 0)
            return;
        SharedPages++;
        state.FirstThread = -state.FirstThread;
    }

    /// <param name="FirstThread">One more than its number; 0: the page is new; negative: another thread has faulted on it since.</param>
    /// <param name="LastFault">Number of the last fault on the page among those of the process.</param>
    private record struct PageState(int FirstThread, uint LastFault);
}
