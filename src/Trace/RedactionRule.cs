namespace Faultrec.Traces;

/// <summary>
/// What becomes of a column, of a metadata key or of a member of one when a trace is made fit to be given away. Each says it where it is
/// defined; there is no default. Equal values stay equal, and different ones different, but under <see cref="Round"/> and <see cref="Drop"/>.
/// </summary>
public enum RedactionRule
{
    /// <summary>Stays as it is: it tells nothing of who was recorded or where, and an analysis needs it.</summary>
    Keep = 1,

    /// <summary>
    /// An address, or a page number made of one: moved by an offset that is made up for the mapping, or the file of code, that it lies in.
    /// Distances within it stay, and the bytes within a page; where it lay is not told.
    /// </summary>
    Slide,

    /// <summary>
    /// A number that names something of the machine: another one of the same kind takes its place wherever it stands. Of a page-table entry that
    /// is the frame in it, its other bits stay. A frame's new one is on the same NUMA node, and frames of one huge page stay together.
    /// </summary>
    Permute,

    /// <summary>
    /// Text that names something of the user's: a made-up name takes its place wherever it stands. What faultrec or the kernel named itself
    /// ([heap], [kernel], "command", functions of the kernel) stays.
    /// </summary>
    Pseudonym,

    /// <summary>A point in time of the world: only its day stays.</summary>
    Round,

    /// <summary>Left out: null, empty or 0, as the file has it where it is not known.</summary>
    Drop,
}
