namespace Faultrec.Recorder.Spool;

/// <summary>Why a recording ended; the words of <see cref="Traces.Metadata.Receipt.EndReason"/>.</summary>
public static class EndReason
{
    public const string Exited = "exited";
    public const string Interrupted = "interrupted";
    public const string Duration = "duration";
    public const string MaxSize = "max-size";
    public const string DiskFull = "disk-full";

    /// <summary>The spool cannot be written for a reason other than a full disk.</summary>
    public const string WriteFailed = "write-failed";

    /// <summary>Something else failed in the recorder, not in the recorded program.</summary>
    public const string Failed = "failed";
}
