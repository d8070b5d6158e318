using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <summary>A branch of the tree of callers: a chain of functions with a single caller each.</summary>
/// <param name="Depth">0: the function that faulted; 1: its caller; …</param>
/// <param name="Functions">Innermost first; more than one if each had a single caller.</param>
/// <param name="Share">Of the report's faults.</param>
internal sealed record CallerRow(int Depth, IReadOnlyList<string> Functions, FaultCounts Counts, double Share);

/// <summary>
/// The stacks merged from their inner ends: functions that faulted, branching to their callers. Only branches with enough faults are
/// followed, so the cost depends on the branches shown, not on the number of stacks.
/// </summary>
internal sealed class CallerTree(StackTable table, FrameNames names, long faults)
{
    /// <summary>A branch with a smaller share of the report's faults is left out.</summary>
    public const double SmallestShare = 0.01;

    private readonly List<CallerRow> _rows = [];

    public List<CallerRow> Build(StackAggregate stacks)
    {
        var ends = new List<End>();
        foreach (var (stack, stats) in stacks.ByStack)
            ends.Add(new End(stack, stats.Counts));
        // An explicit stack instead of recursion: a damaged file's stacks may be deeper than this thread's.
        var open = new Stack<(int Depth, int Frames, Branch Branch)>();
        Push(open, 0, 0, ends);
        while (open.TryPop(out var next))
        {
            var (functions, callers) = Follow(next.Branch, next.Frames);
            _rows.Add(new CallerRow(next.Depth, functions, next.Branch.Counts, (double)next.Branch.Counts.Faults / faults));
            if (next.Frames + functions.Count < FrameNames.MostFrames)
                Push(open, next.Depth + 1, next.Frames + functions.Count, callers);
        }

        return _rows;
    }

    /// <summary>Continues to the caller while there is only one and every fault came through it.</summary>
    /// <param name="frames">Between the innermost frame and the branch.</param>
    private (List<string> Functions, List<End> Callers) Follow(Branch branch, int frames)
    {
        var functions = new List<string> { names.Function(branch.Function).Name };
        var callers = CallersOf(branch.Ends);
        while (functions.Count + frames < FrameNames.MostFrames && callers.Count == branch.Ends.Count && callers.Count > 0)
        {
            var function = FunctionOf(callers[0]);
            if (callers.Exists(end => FunctionOf(end) != function))
                break;
            functions.Add(names.Function(function).Name);
            branch = branch with { Ends = callers };
            callers = CallersOf(callers);
        }

        return (functions, callers);
    }

    private void Push(Stack<(int Depth, int Frames, Branch Branch)> open, int depth, int frames, List<End> ends)
    {
        var branches = new Dictionary<int, Branch>();
        foreach (var end in ends)
        {
            var function = FunctionOf(end);
            if (!branches.TryGetValue(function, out var branch))
                branches.Add(function, branch = new Branch(function, []));
            branch.Ends.Add(end);
        }

        var shown = branches.Values.Where(branch => branch.Counts.Faults >= SmallestShare * faults).ToList();
        // The branch pushed last is written first.
        shown.Sort((a, b) => Ordering.ByFaults(b.Counts, a.Counts, string.CompareOrdinal(names.Function(b.Function).Name, names.Function(a.Function).Name)));
        foreach (var branch in shown)
            open.Push((depth, frames, branch));
    }

    private List<End> CallersOf(List<End> ends)
    {
        var callers = new List<End>(ends.Count);
        foreach (var end in ends)
        {
            if (table.Parents[end.Node] is >= 0 and var parent)
                callers.Add(end with { Node = parent });
        }

        return callers;
    }

    private int FunctionOf(End end) => names.FunctionIdOf(table.NodeFrames[end.Node]);

    /// <summary>A stack, cut at the frame that the tree has reached.</summary>
    private readonly record struct End(int Node, FaultCounts Counts);

    private sealed record Branch(int Function, List<End> Ends)
    {
        public FaultCounts Counts
        {
            get
            {
                var counts = new FaultCounts();
                foreach (var end in Ends)
                    counts.Merge(end.Counts);
                return counts;
            }
        }
    }
}
