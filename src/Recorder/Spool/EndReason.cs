namespace Faultrec.Recorder.Spool;

/// <summary>Why a recording ended; the words of <see cref="Traces.Metadata.Receipt.EndReason"/>.</summary>
public static class EndReason
{
    public const string Exited = "exited";
    public const string Interrupted = "interrupted";
    public const string Duration = "duration";
    public const string MaxSize = "max-size";
    public const string DiskFull = "disk-full";

    /// <summary>The spool cannot be written for another reason than a full disk.</summary>
    public const string WriteFailed = "write-failed";

    /// <summary>Something else went wrong in the recorder, not in what it records.</summary>
    public const string Failed = "failed";
}
