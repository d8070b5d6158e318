using Faultrec.Analyzer;

namespace Faultrec.Replay;

public enum ReplayOrder
{
    /// <summary>Each thread in its own order.</summary>
    Thread,

    /// <summary>One order of all threads' faults, the recorded one.</summary>
    Strict,
}

/// <param name="Speed">Times the recorded pace; 0: as fast as it goes.</param>
/// <param name="Scale">One page in so many; 1: all.</param>
public sealed record ReplayOptions(ReplayOrder Order, double Speed, int Scale, FaultFilter Filter)
{
    public ReplayChange Change { get; init; } = ReplayChange.None;
}
