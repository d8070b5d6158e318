using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Cli.Output;

/// <summary>Windows that are named by phases and marks, which each trace has at other times.</summary>
internal static class PhaseWindow
{
    /// <summary>Of a list in a message.</summary>
    private const int MostNames = 20;

    /// <returns>The filter with the window as times of this trace.</returns>
    /// <exception cref="FaultrecException">The trace has no such phase or mark, or the window has no time in it.</exception>
    public static FaultFilter In(this FaultFilter filter, string path, TraceMetadata metadata)
    {
        if (filter is { Phase: null, FromMark: null, ToMark: null })
            return filter;
        var phases = Phases.Of(metadata);
        var fromNs = filter.FromMark is { } from ? TimeOf(from, path, phases) : filter.FromNs;
        var toNs = filter.ToMark is { } to ? TimeOf(to, path, phases) : filter.ToNs;
        if (filter.Phase is { } name)
        {
            var phase = phases.All.FirstOrDefault(phase => phase.Name == name)
                ?? throw Unknown($"--phase {name}", name, path, [.. phases.All.Select(phase => phase.Name)]);
            fromNs = fromNs is { } first && first > (phase.FromNs ?? long.MinValue) ? first : phase.FromNs;
            toNs = toNs is { } last && last < (phase.ToNs ?? long.MaxValue) ? last : phase.ToNs;
        }

        var window = filter.WindowOptions();
        if (fromNs >= toNs)
            throw new FaultrecException(ExitCode.Usage, $"{window}: there is no time in this window of {path}; expected a start before the end; widen it");
        return filter with { FromNs = fromNs, ToNs = toNs, Phase = null, FromMark = null, ToMark = null, Window = window };
    }

    private static long TimeOf(string name, string path, Phases phases)
        => phases.Marks.Where(mark => mark.Name == name).Select(mark => (long?)mark.Mark.TimeNs).FirstOrDefault()
            ?? throw Unknown($"mark {name}", name, path, [.. phases.Marks.Select(mark => mark.Name)]);

    private static FaultrecException Unknown(string asked, string name, string path, IReadOnlyList<string> known)
    {
        var list = string.Join(", ", known.Take(MostNames)) + (known.Count > MostNames ? $" and {Units.Count(known.Count - MostNames)} more" : "");
        return new FaultrecException(ExitCode.Usage, known.Count == 0
            ? $"{asked}: {path} has no marks; expected one that `faultrec mark` set while it was recorded"
            : $"{asked}: {path} has none of this name; expected one of {list}{Suggestion.For(name, known)}");
    }
}
