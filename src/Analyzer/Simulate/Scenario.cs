namespace Faultrec.Analyzer.Simulate;

/// <summary>A change to a recorded program or machine whose effect <see cref="Simulation"/> estimates. Names are a contract (docs/simulate.md).</summary>
internal enum Scenario
{
    /// <summary>As recorded.</summary>
    Recorded,

    /// <summary>Transparent huge pages wherever 2 MiB of private anonymous memory begin untouched.</summary>
    Thp,

    /// <summary>Mappings are populated when they are made: MAP_POPULATE, MADV_POPULATE_WRITE.</summary>
    Populate,

    /// <summary>Memory that was given back and touched again is kept instead.</summary>
    Keep,

    /// <summary>Faults on cached file pages map the cached pages of 1 MiB around them, where recorded kernels map 64 KiB (fault_around_bytes).</summary>
    FaultAround,

    /// <summary>A kernel with base pages of 64 KiB.</summary>
    Page64K,
}

/// <summary>Names of <see cref="Scenario"/> as every format spells them.</summary>
internal static class ScenarioNames
{
    private static readonly string[] Names = ["recorded", "thp", "populate", "keep", "fault-around", "page-64k"];

    public static IReadOnlyList<Scenario> Changes { get; } = [Scenario.Thp, Scenario.Populate, Scenario.Keep, Scenario.FaultAround, Scenario.Page64K];

    public static int Count => Names.Length;

    public static string Name(this Scenario scenario) => Names[(int)scenario];
}

/// <param name="Faults">Page-fault exceptions.</param>
/// <param name="TimeNs">In the kernel's fault handler; null where the trace has no durations.</param>
/// <param name="ExtraBytes">Memory filled in addition to what was recorded; null: the recording does not show it.</param>
internal readonly record struct Outcome(long Faults, long? TimeNs, long? ExtraBytes)
{
    public static Outcome operator +(Outcome a, Outcome b) => new(a.Faults + b.Faults, a.TimeNs + b.TimeNs, a.ExtraBytes + b.ExtraBytes);
}
