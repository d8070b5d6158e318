using Faultrec.Analyzer.Scan;

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
    /// <summary>Pages that came from swap are swapped out before their fault, instead of being created new.</summary>
    public bool Swaps { get; init; }

    /// <summary>The recorded files themselves are mapped and read, if they exist here.</summary>
    public bool UsesRealFiles { get; init; }

    public ReplayChange Change { get; init; } = ReplayChange.None;
}
