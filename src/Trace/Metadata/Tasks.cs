namespace Faultrec.Traces.Metadata;

public sealed record ProcessEntry
{
    public required int Pid { get; init; }

    public int? ParentPid { get; init; }

    /// <summary>Last name of the process's main thread.</summary>
    public required string Comm { get; init; }

    /// <summary>Null: it was there before the recording.</summary>
    public long? StartedNs { get; init; }

    public long? ExitedNs { get; init; }

    /// <summary>The signal that ended it; 0: none did. Null: it outlived the recording, or nothing told.</summary>
    public int? ExitSignal { get; init; }

    /// <summary>Start of the fault that the kernel could not serve and that ended it; null: none did, as far as is known.</summary>
    public long? FatalFaultNs { get; init; }

    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("pid", RedactionRule.Permute),
        new("parent_pid", RedactionRule.Permute),
        new("comm", RedactionRule.Pseudonym),
        new("started_ns", RedactionRule.Keep),
        new("exited_ns", RedactionRule.Keep),
        new("exit_signal", RedactionRule.Keep),
        new("fatal_fault_ns", RedactionRule.Keep),
    ];
}

public sealed record ThreadEntry
{
    public required int Pid { get; init; }

    public required int Tid { get; init; }

    /// <summary>Last name.</summary>
    public required string Comm { get; init; }

    public long? StartedNs { get; init; }

    public long? ExitedNs { get; init; }

    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("pid", RedactionRule.Permute),
        new("tid", RedactionRule.Permute),
        new("comm", RedactionRule.Pseudonym),
        new("started_ns", RedactionRule.Keep),
        new("exited_ns", RedactionRule.Keep),
    ];
}
