using Faultrec.Analyzer.Facts;

namespace Faultrec.Analyzer.Compare;

/// <summary>
/// Lines of code between two versions of a program: an edit above a line gives it another number. Lines of a function that only one side has are
/// the function as a whole, if the other side has some of their own, too.
/// </summary>
internal static class MovedLines
{
    public static void MatchIn(IReadOnlyList<TraceMeasures> before, IReadOnlyList<TraceMeasures> after)
    {
        var (ofBefore, ofAfter) = (LinesOf(before), LinesOf(after));
        var moved = FunctionsOf(ofBefore.Except(ofAfter));
        moved.IntersectWith(FunctionsOf(ofAfter.Except(ofBefore)));
        if (moved.Count == 0)
            return;
        var both = ofBefore.Intersect(ofAfter).ToHashSet();
        foreach (var trace in before.Concat(after))
            trace.Rename(Match);

        ComparedItem Match(ComparedItem item)
            => item.Subject == Subject.Code && !both.Contains(item.Name) && FrameNames.WithoutLine(item.Name) is { } function && moved.Contains(function)
                ? item with { Name = function }
                : item;
    }

    private static HashSet<string> LinesOf(IEnumerable<TraceMeasures> traces)
        => [.. traces.SelectMany(trace => trace.Items).Where(item => item.Subject == Subject.Code).Select(item => item.Name)];

    private static HashSet<string> FunctionsOf(IEnumerable<string> lines) => [.. lines.Select(FrameNames.WithoutLine).OfType<string>()];
}
