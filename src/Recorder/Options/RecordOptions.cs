using Faultrec.Traces;
using Faultrec.Traces.Metadata;
using Faultrec.Traces.Output;

namespace Faultrec.Recorder.Options;

/// <summary>One recording, as requested on the command line. Exactly one of Command, Pid, Comm, Cgroup and All is set.</summary>
public sealed record RecordOptions
{
    /// <summary>Where the trace goes; a live view has none.</summary>
    public string Output { get; init; } = "";

    public ExistingOutput Existing { get; init; }

    public IReadOnlyList<string> Command { get; init; } = [];

    public int? Pid { get; init; }

    /// <summary>Processes by the name of their main thread, * and ? as in a shell; also those that begin later.</summary>
    public string? Comm { get; init; }

    /// <summary>A cgroup v2 and those below it: its directory, or its path as /proc/PID/cgroup shows it.</summary>
    public string? Cgroup { get; init; }

    /// <summary>Every process of the machine.</summary>
    public bool All { get; init; }

    /// <summary>Record this process, too.</summary>
    public bool IncludeSelf { get; init; }

    /// <summary>A backend of <see cref="Backend.Ladder"/>; null: the best that works here.</summary>
    public Backend? Backend { get; init; }

    /// <summary>Record one fault in this many.</summary>
    public int Every { get; init; } = 1;

    /// <summary>Above this many faults per second record only a part of them; null: record all, whatever it costs.</summary>
    public long? MaxRatePerSecond { get; init; }

    /// <summary>Also record which function below handle_mm_fault served each fault.</summary>
    public bool Handlers { get; init; }

    /// <summary>Also trace where the time of each fault went.</summary>
    public bool Why { get; init; }

    /// <summary>Also count the kernel objects and pages that each fault allocates.</summary>
    public bool Slab { get; init; }

    /// <summary>Record the user stack of each fault; null: if the target is a command or a process and the backend supports it.</summary>
    public bool? Stacks { get; init; }

    internal bool TakesStacks => Stacks ?? (Command.Count > 0 || Pid is not null);

    /// <summary>Do not set the variables that make the command's runtimes list the code they generate.</summary>
    public bool NoJitMaps { get; init; }

    /// <summary>The target is a command with stacks, whose runtimes are to list that code; see Launch/JitSwitches.cs.</summary>
    internal bool NamesJitCode(StackRecording? stacks) => stacks is { Reason: null } && !NoJitMaps && Command.Count > 0;

    /// <summary>Ask the servers in DEBUGINFOD_URLS for missing debug files.</summary>
    public bool Debuginfod { get; init; }

    /// <summary>Neither use nor keep answers of libdw from one recording to the next.</summary>
    public bool NoCache { get; init; }

    /// <summary>Do not walk page tables: no levels, entries, frames.</summary>
    public bool NoFrames { get; init; }

    public TimeSpan? Duration { get; init; }

    /// <summary>The recording ends when its spool, the largest file it needs on disk, reaches this many bytes.</summary>
    public long? MaxSizeBytes { get; init; }

    /// <summary>Under sudo, run the command as root instead of as the invoking user.</summary>
    public bool AsRoot { get; init; }

    public required string ToolVersion { get; init; }

    /// <summary>
    /// Called after every pass over the rings, some fifty times a second, and with null when the recording has ended. The rings fill while it runs.
    /// </summary>
    public Action<CaptureProgress?>? OnCapturing { get; init; }

    /// <summary>Called often while the trace is made, and with null when that has ended, however it did.</summary>
    public Action<FinalizeProgress?>? OnFinalizing { get; init; }

    /// <summary>Something the user should know before the end: no process has the name yet, the rate guard took hold.</summary>
    public Action<string>? OnNotice { get; init; }
}

/// <param name="Output">Where the trace is, which may be elsewhere than was asked for.</param>
/// <param name="Metadata">Of the trace; null: none was made, and <see cref="Failures"/> says why.</param>
/// <param name="ExitStatus">Of the recorded command, 128+n for a signal; null when a running process was recorded.</param>
public sealed record RecordResult(string Output, long TraceBytes, TraceMetadata? Metadata, long SpoolBytes, TimeSpan FinalizeTime, int? ExitStatus)
{
    /// <summary>What the recorder could not do; the command ran to its end nevertheless.</summary>
    public IReadOnlyList<FaultrecException> Failures { get; init; } = [];
}
