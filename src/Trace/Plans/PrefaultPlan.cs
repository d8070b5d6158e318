namespace Faultrec.Traces.Plans;

/// <param name="Inode">Number of the file that was recorded: another file of this name has another one.</param>
public sealed record PlanFile(string Path, ulong Inode);

/// <param name="File">Index in <see cref="PrefaultPlan.Files"/>.</param>
/// <param name="Offset">Bytes.</param>
/// <param name="Length">Bytes, at least 1.</param>
public readonly record struct PlanRange(int File, long Offset, long Length);

/// <summary>
/// Which parts of files a program faulted in, in the order of first use: what `export --to prefault-plan` writes and `prefault`
/// reads (docs/prefault.md). Its file is JSON lines: the header, each file before the first range in it, and the ranges.
/// </summary>
/// <param name="RecordedUntil">When the recording ended: what was changed since is not what was recorded.</param>
public sealed record PrefaultPlan(DateTimeOffset RecordedUntil, IReadOnlyList<PlanFile> Files, IReadOnlyList<PlanRange> Ranges)
{
    /// <summary>Of the file's form.</summary>
    public const int Version = 1;

    /// <summary>First member of the first line; its value is the version.</summary>
    internal const string Magic = "faultrec_prefault_plan";

    /// <summary>No plan has more, nor more files.</summary>
    public const int MostRanges = 1_000_000;

    /// <summary>Of an offset and of a length: more than file systems have, and the sum of two is a number.</summary>
    public const long MostBytes = 1L << 61;
}
