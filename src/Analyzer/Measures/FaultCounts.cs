using Faultrec.Analyzer.Classify;

namespace Faultrec.Analyzer.Measures;

/// <summary>Faults by severity, and the time they took.</summary>
internal struct FaultCounts
{
    public long Minor { get; private set; }

    public long Major { get; private set; }

    public long Failed { get; private set; }

    /// <summary>Minor or major: the trace does not say.</summary>
    public long Unknown { get; private set; }

    /// <summary>Null where the trace does not say which were minor.</summary>
    public readonly long? KnownMinor => Unknown == 0 ? Minor : null;

    /// <summary>Null where the trace does not say which were major.</summary>
    public readonly long? KnownMajor => Unknown == 0 ? Major : null;

    /// <summary>Sum of the known durations, ns.</summary>
    public long DurationNs { get; private set; }

    public static FaultCounts Of(long minor, long major, long failed, long unknown, long durationNs)
        => new() { Minor = minor, Major = major, Failed = failed, Unknown = unknown, DurationNs = durationNs };

    public static FaultCounts Of(Severity severity, long faults, long durationNs) => Of(
        severity == Severity.Minor ? faults : 0,
        severity == Severity.Major ? faults : 0,
        severity == Severity.Failed ? faults : 0,
        severity == Severity.Unknown ? faults : 0,
        durationNs);

    public readonly long Faults => Minor + Major + Failed + Unknown;

    /// <param name="durationNs">Of each; negative: not known.</param>
    /// <param name="weight">Faults to add.</param>
    public void Add(Severity severity, long durationNs, int weight)
    {
        if (severity == Severity.Minor)
            Minor += weight;
        else if (severity == Severity.Major)
            Major += weight;
        else if (severity == Severity.Unknown)
            Unknown += weight;
        else
            Failed += weight;
        DurationNs += Math.Max(durationNs, 0) * weight;
    }

    public static FaultCounts Sum(IEnumerable<FaultCounts> parts)
    {
        var sum = new FaultCounts();
        foreach (var part in parts)
            sum.Merge(part);
        return sum;
    }

    public void Merge(in FaultCounts other)
    {
        Minor += other.Minor;
        Major += other.Major;
        Failed += other.Failed;
        Unknown += other.Unknown;
        DurationNs += other.DurationNs;
    }
}
