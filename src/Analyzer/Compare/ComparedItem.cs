namespace Faultrec.Analyzer.Compare;

/// <summary>A table of traces beside each other, in the order of the output.</summary>
internal enum Subject
{
    Total,

    /// <summary>Lines of the program's own code: the faults that they caused, and the resident memory that is charged to them.</summary>
    Code,

    /// <summary>What the memory is: the heap, anonymous mappings, a file (<see cref="Facts.RegionNames.PlaceOf"/>).</summary>
    Place,
    Region,
    Kind,
    Process,
    File,

    /// <summary>Shown only on request, like the next one: kinds and processes give the same information.</summary>
    Severity,
    Comm,
}

/// <summary>Names of <see cref="Subject"/>.</summary>
internal static class SubjectNames
{
    public static IReadOnlyList<Subject> Compared { get; }
        = [Subject.Total, Subject.Code, Subject.Place, Subject.Region, Subject.Kind, Subject.Process, Subject.File];

    /// <summary>Those that people read first: places sum the mappings and files, whose order and number can differ in every run.</summary>
    private static IReadOnlyList<Subject> First { get; } = [Subject.Total, Subject.Code, Subject.Place, Subject.Kind, Subject.Process];

    /// <param name="items">Items a table; 0: all.</param>
    public static IReadOnlyList<Subject> ForPeople(int items) => items == 0 ? Compared : First;

    public static string Name(this Subject subject) => subject.ToString().ToLowerInvariant();

    /// <summary>Also the key in JSON.</summary>
    public static string Title(this Subject subject) => subject switch
    {
        Subject.Total => "totals",
        Subject.Code => "code",
        Subject.Place => "places",
        Subject.Region => "regions",
        Subject.Kind => "kinds",
        Subject.Process => "processes",
        Subject.File => "files",
        Subject.Severity => "severities",
        _ => "comms",
    };
}

/// <summary>
/// Identifies the same item in different traces: by nothing that differs between runs of one program, so not by
/// address, pid or region id.
/// </summary>
/// <param name="Name">Of the line of code, the place, the region, the kind, the process (comm), the file, the severity or the threads.</param>
/// <param name="RegionKind">Null but for regions, as the next three are.</param>
/// <param name="Prot">Null also for faults without a mapping.</param>
/// <param name="Process">Comm of the region's process; null also if every trace has only one process, which may have been renamed.</param>
/// <param name="Order">1 for the first region with the same values of all of the above, 2 for the next…; 0 if the item is not a region.</param>
internal sealed record ComparedItem(Subject Subject, string Name, string? RegionKind = null, string? Prot = null, string? Process = null, int Order = 0);
