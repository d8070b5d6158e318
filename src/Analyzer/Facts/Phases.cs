using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

/// <summary>A span of a recording, from one mark to the next.</summary>
/// <param name="Name">That of the mark with which it begins; the marks of a trace have different names here.</param>
/// <param name="Mark">Null: it begins with the recording.</param>
/// <param name="ToNs">Null: it ends with the recording.</param>
internal sealed record Phase(string Name, Mark? Mark, long? ToNs)
{
    /// <summary>Null: it begins with the recording.</summary>
    public long? FromNs => Mark?.TimeNs;
}

/// <summary>
/// The phases of a recording. Marks that were set by hand divide it alone; where there are none, the others do, because the program knows best what
/// its phases are.
/// </summary>
internal sealed class Phases
{
    /// <summary>The phase before the first mark.</summary>
    public const string First = "start";

    private readonly Dictionary<string, int> _taken = new(StringComparer.Ordinal) { [First] = 1 };

    private Phases(IReadOnlyList<Mark> marks)
    {
        var byHand = Named(marks.Where(mark => mark.IsByHand));
        var others = Named(marks.Where(mark => !mark.IsByHand));
        Marks = [.. byHand.Concat(others).OrderBy(mark => mark.Mark.TimeNs)];
        var limits = byHand.Count > 0 ? byHand : others;
        if (limits.Count > 0)
            All = [new Phase(First, null, limits[0].Mark.TimeNs), .. limits.Select((limit, i) => new Phase(limit.Name, limit.Mark, EndOf(limits, i)))];
    }

    /// <summary>In the order of time; empty if there is no mark.</summary>
    public IReadOnlyList<Phase> All { get; } = [];

    /// <summary>All marks by their names: of two with the same name the second is "NAME 2".</summary>
    public IReadOnlyList<(string Name, Mark Mark)> Marks { get; }

    public static Phases Of(TraceMetadata metadata) => new(metadata.Marks);

    private static long? EndOf(List<(string Name, Mark Mark)> limits, int i) => i + 1 < limits.Count ? limits[i + 1].Mark.TimeNs : null;

    private List<(string Name, Mark Mark)> Named(IEnumerable<Mark> marks) => [.. marks.Select(mark => (Unused(mark.Name), mark))];

    private string Unused(string name)
    {
        if (_taken.TryAdd(name, 1))
            return name;
        string numbered;
        do
            numbered = $"{name} {++_taken[name]}";
        while (!_taken.TryAdd(numbered, 1));
        return numbered;
    }
}
