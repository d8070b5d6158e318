using Faultrec.Replay.Native;

namespace Faultrec.Replay;

/// <summary>Adds up the engine's results for each operation, in each slot's order.</summary>
internal sealed class Tally
{
    private const int MostSamples = 50_000;

    private readonly BucketTable _buckets;
    private readonly (uint Bucket, long DueNs, long StartNs, bool HasTouched)[] _last;
    private readonly List<(long DueNs, long StartNs)> _samples = [];
    private readonly List<double> _gapErrors = [];
    private readonly long _every;
    private readonly bool _isPaced;
    private long _touches;

    /// <param name="faults">Number of touches to expect.</param>
    public Tally(BucketTable buckets, int slots, long faults, bool isPaced)
    {
        (_buckets, _isPaced) = (buckets, isPaced);
        _last = new (uint, long, long, bool)[slots];
        _every = 1 + (faults / MostSamples);
    }

    /// <summary>Start of the first touch and end of the last, ns since the replay began.</summary>
    public long FirstNs { get; private set; } = long.MaxValue;

    public long LastNs { get; private set; }

    /// <summary>Time for mapping pages ahead of their faults, all threads together.</summary>
    public long FillNs { get; private set; }

    /// <summary>Sum of each process's peak memory.</summary>
    public long ResidentBytes { get; private set; }

    public int Samples => _samples.Count;

    public void Take(int slot, Op op)
    {
        ref var last = ref _last[slot];
        if ((op.Result & OpResult.ClosesRun) != 0)
        {
            var ended = _buckets.All[(int)last.Bucket];
            ended.Minor += op.Minor;
            ended.Major += op.Major;
        }

        if (op.Kind == OpKind.Fill)
            FillNs += op.DurationNs;
        if (op.Kind == OpKind.ExitProcess && slot != Tasks.FirstProcess)
            ResidentBytes += op.StartNs * 1024;
        if (op.Kind is OpKind.Exit or OpKind.ExitProcess)
            last = default; // the slot's next thread has no gap to this one
        if (op.Kind != OpKind.Touch)
            return;
        var bucket = _buckets.All[(int)op.Bucket];
        bucket.Touches++;
        bucket.Durations.Add(op.DurationNs);
        if ((op.Result & OpResult.Failed) != 0)
            bucket.Failed++;
        FirstNs = Math.Min(FirstNs, op.StartNs);
        LastNs = Math.Max(LastNs, op.StartNs + op.DurationNs);
        if (_touches++ % _every == 0)
            Sample(op, last);
        last = (op.Bucket, op.DueNs, op.StartNs, true);
    }

    /// <summary>Spearman's coefficient of recorded and replayed starts, all threads together; null for less than two.</summary>
    public double? RankCorrelation()
    {
        var count = _samples.Count;
        if (count < 2)
            return null;
        var byStart = new int[count];
        // Taken slot by slot: ranks of the recording come first.
        _samples.Sort();
        for (var i = 0; i < count; i++)
            byStart[i] = i;
        Array.Sort(byStart, (left, right) => _samples[left].StartNs.CompareTo(_samples[right].StartNs));
        double squares = 0;
        for (var rank = 0; rank < count; rank++)
        {
            var distance = (double)(byStart[rank] - rank);
            squares += distance * distance;
        }

        return 1 - (6 * squares / (count * (((double)count * count) - 1)));
    }

    /// <summary>How late touches were, ns; null where nothing was due.</summary>
    public long? Late(double fraction)
    {
        if (!_isPaced || _samples.Count == 0)
            return null;
        var late = _samples.ConvertAll(sample => sample.StartNs - sample.DueNs);
        late.Sort();
        return late[(int)((late.Count - 1) * fraction)];
    }

    /// <summary>By how much, as a share, the time from a thread's touch to its next differs from the recorded one, at the median.</summary>
    public double? GapError()
    {
        if (!_isPaced || _gapErrors.Count == 0)
            return null;
        _gapErrors.Sort();
        return _gapErrors[(_gapErrors.Count - 1) / 2];
    }

    private void Sample(in Op op, (uint Bucket, long DueNs, long StartNs, bool HasTouched) last)
    {
        _samples.Add((op.DueNs, op.StartNs));
        if (_isPaced && last.HasTouched && op.DueNs > last.DueNs)
            _gapErrors.Add(Math.Abs((op.StartNs - last.StartNs) / (double)(op.DueNs - last.DueNs) - 1));
    }
}
