using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Screen;

/// <param name="Code">The program's own line, and the lines that called it most of the time: "fill (a.c:4) &lt; main (a.c:9)".</param>
internal sealed record CodeShare(string Code, long Weight);

/// <summary>What is charged to lines of the program, each with the callers through which most of it came.</summary>
internal sealed class CodeShares(ChargedCode code)
{
    public const string CalledBy = " < ";

    private const int MostCallers = 2;
    private const int NameWidth = 40;

    /// <summary>Of a line's weight: callers with less are not named.</summary>
    private const double LeastShare = 0.5;

    private static readonly CodeName DynamicLinker = new(-1, "the dynamic linker, before main", null);

    // What is no line shares numbers: the name tells it apart.
    private readonly Dictionary<(int Line, string Name), Line> _lines = [];

    public long Total { get; private set; }

    /// <param name="stack">Negative: none.</param>
    public void Add(CodeName name, int stack, long weight)
    {
        if (weight <= 0)
            return;
        Total += weight;
        name = code.IsOfDynamicLinker(stack) ? DynamicLinker : name.Summed;
        if (!_lines.TryGetValue((name.Line, name.Name), out var line))
            _lines.Add((name.Line, name.Name), line = new Line(name.Name));
        line.Weight += weight;
        // Only a line of code has callers: what stands for memory without one (before the recording, copied by fork) is negative.
        if (name.Line >= 0 && stack >= 0)
            line.Stacks[stack] = line.Stacks.GetValueOrDefault(stack) + weight;
    }

    /// <summary>Lines with at least this share of all, the largest first.</summary>
    public IReadOnlyList<CodeShare> Largest(int most, double leastShare)
        => [.. _lines.Values.Where(line => line.Weight >= leastShare * Total).OrderByDescending(line => line.Weight)
            .ThenBy(line => line.Name, StringComparer.Ordinal).Take(most).Select(line => new CodeShare(Chain(line), line.Weight))];

    private string Chain(Line line)
    {
        var names = new List<string> { line.Name };
        var stacks = line.Stacks.Select(stack => (Callers: code.CallersOf(stack.Key).Take(MostCallers).ToList(), Weight: stack.Value)).ToList();
        for (var depth = 0; depth < MostCallers; depth++)
        {
            var most = stacks.Where(stack => stack.Callers.Count > depth).GroupBy(stack => stack.Callers[depth])
                .MaxBy(group => group.Sum(stack => stack.Weight));
            if (most is null || most.Sum(stack => stack.Weight) < LeastShare * line.Weight)
                break;
            // Of a function that calls itself, once is enough.
            if (most.Key != names[^1])
                names.Add(most.Key);
            stacks = [.. most];
        }

        return string.Join(CalledBy, names.Select(name => Columns.CutMiddle(name, NameWidth)));
    }

    private sealed class Line(string name)
    {
        public string Name => name;

        public Dictionary<int, long> Stacks { get; } = [];

        public long Weight { get; set; }
    }
}
