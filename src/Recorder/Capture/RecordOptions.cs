namespace Faultrec.Recorder.Capture;

/// <summary>What to do with an output file that is there already.</summary>
public enum ExistingOutput
{
    KeepAsOld,
    Overwrite,
    Refuse,
}

/// <summary>One recording, as the command line asks for it. Exactly one of Command and Pid is set.</summary>
public sealed record RecordOptions
{
    public required string Output { get; init; }

    public ExistingOutput Existing { get; init; }

    public IReadOnlyList<string> Command { get; init; } = [];

    public int? Pid { get; init; }

    public TimeSpan? Duration { get; init; }

    /// <summary>The recording ends when its spool, the largest file it needs on disk, reaches this many bytes.</summary>
    public long? MaxSizeBytes { get; init; }

    /// <summary>A rung of the ladder, or "auto".</summary>
    public string Backend { get; init; } = "auto";

    /// <summary>One fault in so many is recorded, up to 65,535.</summary>
    public int Every { get; init; } = 1;

    /// <summary>Under sudo, run the command as root instead of as the invoking user.</summary>
    public bool AsRoot { get; init; }

    public required string ToolVersion { get; init; }

    /// <summary>Part of finalizing that is done, 0 to 1.</summary>
    public Action<double>? OnFinalizing { get; init; }

}

/// <param name="ExitStatus">Of the recorded command, 128+n for a signal; null when a running process was recorded.</param>
public sealed record RecordResult(string Output, Traces.TraceMetadata Metadata, long SpoolBytes, TimeSpan FinalizeTime, int? ExitStatus);
