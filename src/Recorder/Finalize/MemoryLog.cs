using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Finalize;

/// <summary>
/// The kernel's counters of each process's memory, over time. All processes together have at most <see cref="MostInAll"/> samples, beside the
/// few that each may keep: where there are more, the steps of the longest series are doubled.
/// </summary>
internal sealed class MemoryLog
{
    /// <summary>Of a process.</summary>
    public const int MostSamples = 1024;

    /// <summary>With the lengths of numbers, some 5 MB of the trace.</summary>
    public const int MostInAll = 128 * 1024;

    /// <summary>Processes in the trace: those whose memory was largest.</summary>
    public const int MostProcesses = 4000;

    private const int FewestSamples = 16;

    private readonly Dictionary<ProcessState, MemorySeries> _series = [];
    private (ProcessState Process, long PeakBytes)? _launcher;
    private int _limit = MostSamples;
    private int _count;

    /// <param name="process">Null: the side-band knows no process with this id.</param>
    public void Add(ProcessState? process, in MemoryRecord sample)
    {
        // The id may belong to another process by now, which nobody records.
        if (process is { ExitedNs: null })
            Put(process, sample, isExit: false);
    }

    /// <summary>At an execve of the command. Before its first one it was the launcher, whose memory ru_maxrss includes for ever.</summary>
    /// <param name="maxrssPages">Until this execve.</param>
    public void NoteLauncher(ProcessState command, long maxrssPages, PageGeometry pages) => _launcher ??= (command, maxrssPages << pages.PageShift);

    /// <summary>
    /// a0 to a5, in pages: of files, anonymous, swapped out, shared; the most since the last execve; ru_maxrss. Where the kernel has freed the
    /// memory by then, the last is all that is known.
    /// </summary>
    public void AddEnd(ProcessState? process, in EventRecord record, PageGeometry pages)
    {
        if (process is null)
            return;
        var memory = new MemoryRecord
        {
            TimeNs = record.TimeNs,
            Pid = record.Pid,
            FileBytes = record.A0 << pages.PageShift,
            AnonBytes = record.A1 << pages.PageShift,
            SwapBytes = record.A2 << pages.PageShift,
            ShmemBytes = record.A3 << pages.PageShift,
        };
        var maxrssBytes = record.A5 << pages.PageShift;
        if (_launcher is { } launcher && launcher.Process == process && launcher.PeakBytes >= maxrssBytes)
            maxrssBytes = 0;
        memory.PeakBytes = Math.Max(Math.Max(record.A4 << pages.PageShift, memory.ResidentBytes), maxrssBytes);
        if (memory.ResidentBytes > 0)
            Put(process, memory, isExit: true);
        else
            SeriesOf(process).AddPeak(memory.PeakBytes);
    }

    public IReadOnlyList<ProcessMemory> Build(Func<long, long> toTraceTime, bool onlyWithFaults)
        => [.. _series.Where(entry => entry.Key.HasFaults || !onlyWithFaults)
            .OrderByDescending(entry => entry.Value.HighestBytes).Take(MostProcesses)
            .Select(entry => entry.Value.Build(entry.Key.Pid, toTraceTime))
            .OrderBy(memory => memory.Pid).ThenBy(memory => memory.TimeNs.Count > 0 ? memory.TimeNs[0] : 0)];

    private void Put(ProcessState process, in MemoryRecord sample, bool isExit)
    {
        var series = SeriesOf(process);
        _count -= series.Count;
        series.Add(sample, isExit);
        series.ThinTo(_limit);
        _count += series.Count;
        while (_count > MostInAll && _limit > FewestSamples)
        {
            _limit /= 2;
            _count = 0;
            foreach (var one in _series.Values)
            {
                one.ThinTo(_limit);
                _count += one.Count;
            }
        }
    }

    private MemorySeries SeriesOf(ProcessState process)
    {
        if (!_series.TryGetValue(process, out var series))
            _series.Add(process, series = new MemorySeries());
        return series;
    }
}

/// <summary>
/// Samples of one process in steps of equally many looks, each step's highest: so no thinning removes the highest of all. The last look
/// is kept beside them.
/// </summary>
internal sealed class MemorySeries
{
    private readonly List<MemoryRecord> _steps = [];
    private MemoryRecord? _last;
    private int _looksEach = 1;
    private int _looksInLast;
    private long _peakBytes;
    private bool _hasExit;
    private bool _refusesHugePages;

    public int Count => _steps.Count;

    public long HighestBytes { get; private set; }

    public void Add(in MemoryRecord sample, bool isExit)
    {
        _last = sample;
        _hasExit = isExit;
        _refusesHugePages |= sample.ThpDisabled != 0;
        AddPeak(sample.PeakBytes);
        HighestBytes = Math.Max(HighestBytes, sample.ResidentBytes);
        if (_steps.Count == 0 || _looksInLast == _looksEach)
        {
            _steps.Add(sample);
            _looksInLast = 1;
            return;
        }

        _looksInLast++;
        if (sample.ResidentBytes > _steps[^1].ResidentBytes)
            _steps[^1] = sample;
    }

    public void AddPeak(long bytes)
    {
        _peakBytes = Math.Max(_peakBytes, bytes);
        HighestBytes = Math.Max(HighestBytes, _peakBytes);
    }

    public void ThinTo(int limit)
    {
        while (_steps.Count > limit)
        {
            var kept = 0;
            for (var i = 0; i < _steps.Count; i += 2)
                _steps[kept++] = i + 1 < _steps.Count && _steps[i + 1].ResidentBytes > _steps[i].ResidentBytes ? _steps[i + 1] : _steps[i];
            // The last step may have had no partner: it goes on.
            if (_steps.Count % 2 == 0)
                _looksInLast += _looksEach;
            _looksEach *= 2;
            _steps.RemoveRange(kept, _steps.Count - kept);
        }
    }

    public ProcessMemory Build(int pid, Func<long, long> toTraceTime)
    {
        List<MemoryRecord> samples = [.. _steps];
        // The last step's highest may be the last look.
        if (_last is { } last && last.TimeNs != samples[^1].TimeNs)
            samples.Add(last);
        return new ProcessMemory(
            pid,
            [.. samples.Select(sample => toTraceTime(sample.TimeNs))],
            [.. samples.Select(sample => sample.AnonBytes)],
            [.. samples.Select(sample => sample.FileBytes)],
            [.. samples.Select(sample => sample.ShmemBytes)],
            [.. samples.Select(sample => sample.SwapBytes)],
            _peakBytes > 0 ? _peakBytes : null,
            _hasExit)
        {
            RefusesHugePages = _refusesHugePages,
        };
    }
}
