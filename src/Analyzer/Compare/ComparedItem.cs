namespace Faultrec.Analyzer;

/// <summary>A table of a comparison, in the order of the output.</summary>
public enum Subject
{
    Total,
    Region,
    Kind,
    Process,
    File,
}

/// <summary>
/// What makes an item of one trace the same as one of another: nothing that differs between runs of one program, so neither
/// address, pid nor region id.
/// </summary>
/// <param name="Name">Of the region, the kind, the process (comm) or the file.</param>
/// <param name="RegionKind">Null but for regions, as the next three are.</param>
/// <param name="Prot">Null also for faults without a mapping.</param>
/// <param name="Process">Comm of the region's process; null also where every trace has one process only, which may have been renamed.</param>
/// <param name="Order">1 for the first region that has all of the above in common, 2 for the next…; 0 for what is no region.</param>
public sealed record ComparedItem(Subject Subject, string Name, string? RegionKind = null, string? Prot = null, string? Process = null, int Order = 0);
