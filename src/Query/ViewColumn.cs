namespace Faultrec.Query;

/// <param name="Type">SQL type.</param>
/// <param name="Meaning">With the unit; what NULL means where it can be.</param>
public sealed record ViewColumn(string View, string Name, string Type, string Meaning)
{
    /// <summary>First in every view.</summary>
    internal static IReadOnlyList<ViewColumn> Origin(string view) =>
    [
        new(view, "trace", "VARCHAR", "the file, as the command line names it"),
        new(view, "host", "VARCHAR", "host=… of the path; without it the machine that the trace names"),
        new(view, "date", "DATE", "date=YYYY-MM-DD of the path; without it the day on which the recording began, UTC"),
    ];
}
