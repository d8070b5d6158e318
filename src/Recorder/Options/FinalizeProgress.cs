namespace Faultrec.Recorder.Options;

/// <summary>What finalizing is doing.</summary>
public enum FinalizeStep
{
    /// <summary>The first pass over the spool, for faults that are far out of order. Counted in bytes.</summary>
    ReadingSpool,

    /// <summary>The names of code are read from ELF files. Counted in files.</summary>
    ReadingNames,

    /// <summary>Rows are merged, encoded and written. Counted in rows.</summary>
    WritingRows,
}

/// <summary>How far finalizing is.</summary>
/// <param name="Total">What <paramref name="Done"/> will be at the end of the step; 0: not known.</param>
public readonly record struct FinalizeProgress(FinalizeStep Step, long Done, long Total);
