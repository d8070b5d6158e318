using System.Text.Json.Serialization;

namespace Faultrec.Traces.Metadata;

/// <summary>A process of the recording.</summary>
public sealed record ProcessEntry
{
    /// <summary>Process id.</summary>
    public required int Pid { get; init; }

    /// <summary>Process id of the parent; null if unknown.</summary>
    public int? ParentPid { get; init; }

    /// <summary>It began in its parent's memory, not in a copy of it, and left that at its execve (vfork(2), posix_spawn(3)).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool SharesMemory { get; init; }

    /// <summary>It began while it was recorded, in a copy of its parent's memory (fork(2)).</summary>
    [JsonIgnore]
    internal bool IsForkCopy => this is { ParentPid: not null, StartedNs: not null, SharesMemory: false };

    /// <summary>Last name of the process's main thread.</summary>
    public required string Comm { get; init; }

    /// <summary>When the process began, ns since the recording began; null if it is older than the recording.</summary>
    public long? StartedNs { get; init; }

    /// <summary>When the process ended, ns since the recording began; null if it outlived the recording.</summary>
    public long? ExitedNs { get; init; }

    /// <summary>The signal that ended the process, or 0 if none did; null if it outlived the recording, or this is unknown.</summary>
    public int? ExitSignal { get; init; }

    /// <summary>Start of the failed fault that ended the process, ns since the recording began; null if none is known to have.</summary>
    public long? FatalFaultNs { get; init; }

    /// <summary>If SIGBUS ended it: size of the file that was mapped where the failed fault was, at that moment; null: none was, or this is unknown.</summary>
    public long? FatalFileBytes { get; init; }

    /// <summary>The failed fault that ended it met memory with a hardware error (BUS_MCEERR_AR, sigaction(2)).</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsPoisoned { get; init; }

    internal static IReadOnlyList<MetadataMember> Members { get; } =
    [
        new("pid", RedactionRule.Permute),
        new("parent_pid", RedactionRule.Permute),
        new("shares_memory", RedactionRule.Keep),
        new("comm", RedactionRule.Pseudonym),
        new("started_ns", RedactionRule.Keep),
        new("exited_ns", RedactionRule.Keep),
        new("exit_signal", RedactionRule.Keep),
        new("fatal_fault_ns", RedactionRule.Keep),
        new("fatal_file_bytes", RedactionRule.Keep),
        new("is_poisoned", RedactionRule.Keep),
    ];
}

/// <summary>A thread of the recording.</summary>
public sealed record ThreadEntry
{
    /// <summary>Process id.</summary>
    public required int Pid { get; init; }

    /// <summary>Thread id.</summary>
    public required int Tid { get; init; }

    /// <summary>Last name of the thread.</summary>
    public required string Comm { get; init; }

    /// <summary>When the thread began, ns since the recording began; null if it is older than the recording.</summary>
    public long? StartedNs { get; init; }

    /// <summary>When the thread ended, ns since the recording began; null if it outlived the recording.</summary>
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
