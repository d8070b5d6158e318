using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Measures;

namespace Faultrec.Replay;

/// <summary>Faults of one region, kind and severity: as recorded, and the results of the touches that stand for them.</summary>
internal sealed class Bucket(int regionId, FaultKind kind, Severity severity)
{
    public int RegionId { get; } = regionId;

    public FaultKind Kind { get; } = kind;

    public Severity Severity { get; } = severity;

    public long Recorded { get; set; }

    public LatencyHistogram RecordedDurations { get; } = new();

    public long Touches { get; set; }

    /// <summary>As the kernel counted them for the thread.</summary>
    public long Minor { get; set; }

    public long Major { get; set; }

    /// <summary>Touches that got a signal, or an error of the system call.</summary>
    public long Failed { get; set; }

    /// <summary>Of every touch.</summary>
    public LatencyHistogram Durations { get; } = new();

    /// <summary>A touch that fails although the recorded fault did not is not counted among its faults.</summary>
    public long Replayed => Minor + Major + (Severity == Severity.Failed ? Failed : 0);

    /// <summary>Recorded faults that came back with the same severity.</summary>
    public long Matched => Math.Min(Recorded, Severity switch { Severity.Minor => Minor, Severity.Major => Major, _ => Failed });
}

/// <summary>Buckets by number and by region, kind and severity.</summary>
internal sealed class BucketTable
{
    private readonly Dictionary<(int, FaultKind, Severity), int> _numbers = [];
    private readonly List<Bucket> _buckets = [];
    private (int, FaultKind, Severity) _lastKey;
    private int _last = -1;

    public IReadOnlyList<Bucket> All => _buckets;

    public int NumberOf(int regionId, FaultKind kind, Severity severity)
    {
        var key = (regionId, kind, severity);
        if (_last >= 0 && key == _lastKey)
            return _last;
        if (!_numbers.TryGetValue(key, out var number))
        {
            number = _numbers[key] = _buckets.Count;
            _buckets.Add(new Bucket(regionId, kind, severity));
        }

        (_lastKey, _last) = (key, number);
        return number;
    }
}
