namespace Faultrec.Traces.Plans;

/// <summary>A file of a prefault plan.</summary>
/// <param name="Path">Absolute path, as the kernel gave it.</param>
/// <param name="Inode">Inode number of the recorded file: a different file of the same name has a different one.</param>
public sealed record PlanFile(string Path, ulong Inode);

/// <summary>A range of bytes of a file that a program faulted in.</summary>
/// <param name="File">Index of the file in <see cref="PrefaultPlan.Files"/>.</param>
/// <param name="Offset">Where the range begins in the file, in bytes.</param>
/// <param name="Length">Length in bytes, at least 1.</param>
public readonly record struct PlanRange(int File, long Offset, long Length);

/// <summary>
/// Which parts of files a program faulted in, in the order of first use: what `export --to prefault-plan` writes and `prefault`
/// reads (docs/prefault.md). Its file is JSON lines: the header, each file before the first range in it, and the ranges.
/// </summary>
/// <param name="RecordedUntil">When the recording ended: a file that has changed since is not the recorded one.</param>
/// <param name="Files">The files, each named once.</param>
/// <param name="Ranges">The ranges, in the order of first use.</param>
public sealed record PrefaultPlan(DateTimeOffset RecordedUntil, IReadOnlyList<PlanFile> Files, IReadOnlyList<PlanRange> Ranges)
{
    /// <summary>Version of the plan's text format.</summary>
    public const int Version = 1;

    /// <summary>First member of the first line; its value is the version.</summary>
    internal const string Magic = "faultrec_prefault_plan";

    /// <summary>The largest number of ranges, and of files, in a plan.</summary>
    public const int MostRanges = 1_000_000;

    /// <summary>The largest offset and the largest length, in bytes: beyond what file systems hold, and the sum of two does not overflow.</summary>
    public const long MostBytes = 1L << 61;
}
