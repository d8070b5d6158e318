using System.Runtime.InteropServices;

namespace Faultrec.Analyzer.Measures;

/// <summary>In which order, and by which threads, were the pages of one region touched and touched again?</summary>
internal sealed class RegionLocality
{
    /// <summary>In <see cref="PageState.First"/>: the number did not fit, it is in <see cref="_lateFirsts"/>.</summary>
    private const int Late = 0x7fff;

    private readonly PageMap<PageState> _pages;
    private readonly Dictionary<long, int> _lateFirsts = [];
    private int _threads;

    internal RegionLocality(long firstPage, long pages) => _pages = new PageMap<PageState>(firstPage, pages);

    /// <summary>Pairs of consecutive faults of one thread in the region.</summary>
    public long Steps { get; private set; }

    /// <summary>Steps by one page up or down.</summary>
    public long SequentialSteps { get; private set; }

    /// <summary>Stretches of steps by one page up; n steps make a run of n + 1 pages.</summary>
    public long RunsUp { get; private set; }

    public long RunsDown { get; private set; }

    /// <summary>Pages of the longest run; 0 without any.</summary>
    public long LongestRun { get; private set; }

    public StrideCounts Strides { get; } = new();

    /// <summary>For faults on pages that had faulted before: number of the process's faults between the two.</summary>
    public LatencyHistogram Distances { get; } = new();

    /// <summary>Pages on which a thread other than the first one faulted again.</summary>
    public long SharedPages { get; private set; }

    /// <summary>Faults on a page by a thread other than the one that touched it first.</summary>
    public long ForeignRefaults { get; private set; }

    /// <returns>The number of another thread that touches the region, from 1.</returns>
    internal int AddThread() => ++_threads;

    /// <param name="thread">Of <see cref="AddThread"/>.</param>
    internal void Touch(long page, int thread, uint fault)
    {
        ref var state = ref _pages[page];
        if (state.First == 0)
        {
            state.First = Math.Min(thread, Late);
            if (thread >= Late)
                _lateFirsts.Add(page, thread);
        }
        else
        {
            // Numbers of faults wrap around; a distance of 2^32 and more is too short by as much.
            Distances.Add(fault - state.LastFault - 1);
            if ((state.First == Late ? _lateFirsts[page] : state.First) != thread)
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
        if (state.IsShared)
            return;
        SharedPages++;
        state.Share();
    }

    /// <summary>Six bytes per page: for a large trace this is most of the memory of locality.</summary>
    [StructLayout(LayoutKind.Sequential, Pack = sizeof(ushort))]
    private struct PageState
    {
        private const int SharedBit = 0x8000;
        private ushort _first;

        /// <summary>Number of the last fault on the page among those of the process.</summary>
        public uint LastFault;

        /// <summary>Number of the thread that touched the page first; 0: the page is new.</summary>
        public int First
        {
            readonly get => _first & ~SharedBit;
            set => _first = (ushort)value;
        }

        /// <summary>Another thread has faulted on it since.</summary>
        public readonly bool IsShared => (_first & SharedBit) != 0;

        public void Share() => _first |= SharedBit;
    }
}
