using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Residency;

/// <summary>
/// Which pages are resident, since when, and who made them so: every page is born by a fault or by another cause (<see cref="BirthCause"/>), and
/// goes by a call that gives it back or with its process. Needs all faults of the trace in the order of time, whatever the report's filter. A page that
/// the kernel took by itself (reclaim, swap) is resident here until a fault finds it missing: what the kernel's own counters have less is that.
/// Memory is bounded by distinct pages.
/// </summary>
internal sealed class MemoryAccount : IOrderedMeasure, IFaultSink<MemoryAccount>
{
    /// <summary>Owners have so many samples over the window.</summary>
    public const int SampleCount = 16;

    private readonly TraceMetadata _metadata;
    private readonly TimeAxis _window;
    private readonly TimeAxis _buckets;
    private readonly List<MemoryEvent> _events;
    private readonly PageBooks _books;
    private readonly FaultBirths _faults;
    private readonly CallBirths _calls;
    private readonly ForkBirths _forks;
    private readonly PageDeaths _deaths;
    private readonly long[][] _accounted;
    private readonly long[] _totals;
    private readonly long[] _phaseEndsNs;
    private readonly long[] _atPhaseEnds;
    private long _nextStopNs = long.MinValue;
    private int _nextEvent;
    private int _nextSample;
    private int _nextBucket;
    private int _nextPhase;
    private bool _isFinished;

    /// <param name="axis">The time for which it is asked: its start is where growth begins, its end the last moment.</param>
    /// <param name="groups">To which an owner belongs; null: there are none. Asked once for each owner.</param>
    public MemoryAccount(TraceMetadata metadata, RegionIndex index, TimeAxis axis, Func<OwnerKey, IReadOnlyList<OwnerGroup>>? groups = null)
    {
        (_metadata, _buckets, _window) = (metadata, axis, axis.Equal(SampleCount));
        _totals = new long[axis.Count];
        _phaseEndsNs = [.. Phases.Of(metadata).All.Select(phase => Math.Min(phase.ToNs ?? axis.ToNs, axis.ToNs))];
        _atPhaseEnds = new long[_phaseEndsNs.Length];
        _events = MemoryEvents.Of(metadata);
        _accounted = [.. metadata.Memory.Select(process => new long[process.TimeNs.Count])];
        var regions = new AccountRegions(metadata, index);
        _books = new PageBooks(index, groups);
        _faults = new FaultBirths(metadata, _books, regions);
        _calls = new CallBirths(metadata, _books, regions);
        _forks = new ForkBirths(_books, regions);
        _deaths = new PageDeaths(metadata, _books, regions);
        _books.NowNs = Math.Min(0, _window.FromNs);
        _calls.AddBefore();
        if (_window.FromNs <= 0)
            _books.StartWindow();
    }

    public IReadOnlyList<PageOwner> Owners => _books.Owners;

    public IReadOnlyList<ReleaseSite> Sites => _books.Sites;

    public IReadOnlyCollection<ProcessPages> Processes => _books.Processes;

    /// <inheritdoc cref="PageBooks.Resident"/>
    public long Resident => _books.Resident;

    /// <inheritdoc cref="PageBooks.Peak"/>
    public long Peak => _books.Peak;

    public long PeakNs => _books.PeakNs;

    /// <inheritdoc cref="PageBooks.PeakIfKept"/>
    public long PeakIfKept => _books.PeakIfKept;

    /// <summary>Number of that moment, for <see cref="PageOwner.PagesAtPeak(int)"/>.</summary>
    public int PeakNumber => _books.PeakNumber;

    /// <summary>Given back lazily (MADV_FREE) and not taken by the kernel yet, as far as known; they are resident.</summary>
    public long LazilyFreed => _books.LazilyFreed;

    /// <summary>Accounted pages at each sample of each entry of <see cref="TraceMetadata.Memory"/>; 0 where the sample is after the window.</summary>
    public IReadOnlyList<IReadOnlyList<long>> Accounted => _accounted;

    /// <summary>Resident pages at the end of each bucket of the axis.</summary>
    public IReadOnlyList<long> Totals => _totals;

    /// <summary>Resident pages at the end of each phase, or of the window, whichever is earlier.</summary>
    public IReadOnlyList<long> AtPhaseEnds => _atPhaseEnds;

    public FaultColumns Columns => _faults.Columns;

    public bool NeedsVerdicts => false;

    public bool NeedsOrder => true;

    public void Add(FaultBatch batch, in Verdicts verdicts)
    {
    }

    public void Merge(MemoryAccount other)
    {
    }

    public void AddInOrder(FaultBatch batch, in Verdicts verdicts) => AddInOrder(batch);

    public void AddInOrder(FaultBatch batch)
    {
        var times = batch.TimeNs.AsSpan(0, batch.Count);
        for (var row = 0; row < times.Length;)
        {
            if (times[row] >= _nextStopNs)
            {
                if (times[row] >= _window.ToNs)
                    return;
                GoTo(times[row]);
            }

            var end = row + 1;
            while (end < times.Length && times[end] < _nextStopNs)
                end++;
            _faults.Add(batch, row, end);
            row = end;
        }
    }

    /// <summary>Applies what comes after the last fault; call once, before the results are used.</summary>
    public void Finish()
    {
        if (_isFinished)
            return;
        _isFinished = true;
        GoTo(_window.ToNs);
        _books.Close();
    }

    /// <summary>Everything that happened before this time.</summary>
    private void GoTo(long timeNs)
    {
        while (_nextEvent < _events.Count && _events[_nextEvent].TimeNs <= timeNs)
        {
            var next = _events[_nextEvent];
            if (next.TimeNs >= _window.ToNs)
                break;
            Tick(next.TimeNs);
            _nextEvent++;
            Apply(next);
        }

        Tick(timeNs);
        _nextStopNs = NextStopNs();
    }

    /// <summary>Until then only faults happen.</summary>
    private long NextStopNs()
    {
        var stop = Math.Min(_window.ToNs, _nextEvent < _events.Count ? _events[_nextEvent].TimeNs : long.MaxValue);
        stop = Math.Min(stop, _nextPhase < _phaseEndsNs.Length ? _phaseEndsNs[_nextPhase] : long.MaxValue);
        if (!_books.IsInWindow)
            return Math.Min(stop, _window.FromNs);
        stop = Math.Min(stop, _nextBucket < _buckets.Count ? EndNs(_buckets, _nextBucket) : long.MaxValue);
        return Math.Min(stop, _nextSample < _window.Count ? EndNs(_window, _nextSample) : long.MaxValue);
    }

    private void Tick(long timeNs)
    {
        if (timeNs <= _books.NowNs)
            return;
        if (!_books.IsInWindow && timeNs >= _window.FromNs)
        {
            _books.NowNs = _window.FromNs;
            _books.StartWindow();
        }

        while (_nextPhase < _phaseEndsNs.Length && timeNs >= _phaseEndsNs[_nextPhase])
            _atPhaseEnds[_nextPhase++] = Resident;
        while (_books.IsInWindow && _nextBucket < _buckets.Count && timeNs >= EndNs(_buckets, _nextBucket))
            _totals[_nextBucket++] = Resident;
        while (_books.IsInWindow && _nextSample < _window.Count && timeNs >= EndNs(_window, _nextSample))
        {
            _books.NowNs = EndNs(_window, _nextSample);
            TakeSample(_nextSample++);
        }

        _books.NowNs = timeNs;
    }

    private static long EndNs(TimeAxis axis, int bucket) => axis.StartNs(bucket) + axis.LengthNs(bucket);

    private void TakeSample(int sample)
    {
        foreach (var owner in Owners)
        {
            while (owner.Samples.Count < sample)
                owner.Samples.Add(0);
            owner.Samples.Add(owner.Grown);
        }
    }

    private void Apply(MemoryEvent happened)
    {
        switch (happened)
        {
            case ReleaseEvent { Release: var release } when release.IsEnd():
                _deaths.End(release);
                break;
            case ReleaseEvent { Release: { Call: ReleaseCalls.Collapse } release }:
                _calls.Collapse(release);
                break;
            case ReleaseEvent { Release: var release } when release.IsFill():
                _calls.FillUnasked(release);
                break;
            case ReleaseEvent { Release: { ToPage: { } to } release }:
                _deaths.Move(release, to);
                break;
            case ReleaseEvent { Release: var release }:
                _deaths.GiveBack(release);
                break;
            case CopyEvent copy:
                _forks.Add(copy);
                break;
            case FillEvent { Call: var call }:
                _calls.Fill(call);
                break;
            case SampleEvent sample:
                _accounted[sample.Process][sample.Sample] = _books.FindProcess(_metadata.Memory[sample.Process].Pid)?.Resident ?? 0;
                break;
        }
    }
}
