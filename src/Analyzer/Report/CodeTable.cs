using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Report;

/// <summary>Rows of the tables of functions and of lines: what faulted in each, and what faulted below it.</summary>
internal static class CodeTable
{
    /// <param name="idOf">Of a frame, what it is summed by: below <paramref name="count"/>.</param>
    /// <param name="place">Of such an id.</param>
    public static List<CodeRow> Build(
        StackTable table, FrameNames names, StackAggregate stacks, int count, Func<int, int> idOf, Func<int, CodePlace> place, Func<long, double> share)
    {
        var self = new FaultCounts[count];
        var total = new FaultStats?[count];
        // The stack that an id was last met on: recursion counts once.
        var seenOn = new int[count];
        Array.Fill(seenOn, -1);
        foreach (var (stack, stats) in stacks.ByStack)
        {
            self[idOf(table.NodeFrames[stack])].Merge(stats.Counts);
            foreach (var frame in names.FramesOf(stack))
            {
                var id = idOf(frame);
                if (seenOn[id] == stack)
                    continue;
                seenOn[id] = stack;
                (total[id] ??= new FaultStats()).Merge(stats);
            }
        }

        var rows = new List<CodeRow>();
        for (var id = 0; id < count; id++)
        {
            if (total[id] is not { } below)
                continue;
            var (name, file, line, module) = place(id);
            rows.Add(new CodeRow(
                name, file, line == 0 ? null : line, module, self[id], share(self[id].Faults), below.Counts, share(below.Counts.Faults), LatencySummary.Of(below.Latency)));
        }

        rows.Sort(Compare);
        return rows;
    }

    private static int Compare(CodeRow a, CodeRow b)
    {
        var tie = string.CompareOrdinal(a.Name, b.Name);
        tie = tie != 0 ? tie : string.CompareOrdinal(a.Module, b.Module);
        tie = tie != 0 ? tie : string.CompareOrdinal(a.File, b.File);
        tie = tie != 0 ? tie : Nullable.Compare(a.Line, b.Line);
        return Ordering.ByFaults(a.Self, b.Self, Ordering.ByFaults(a.Total, b.Total, tie));
    }
}
