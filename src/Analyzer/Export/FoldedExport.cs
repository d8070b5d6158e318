using System.Globalization;
using System.Text;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Export;

/// <summary>
/// Folded stacks, a line each: thread name and frames from the outermost on, with semicolons between, a space, the weight
/// (stackcollapse-perf.pl of Brendan Gregg's FlameGraph made the form). Sorted, so that the same trace gives the same lines.
/// </summary>
internal static class FoldedExport
{
    public static void Write(Stream output, FunctionTree tree, TaskStackAggregate weights)
    {
        var byComm = new SortedDictionary<string, Dictionary<int, long>>(StringComparer.Ordinal);
        foreach (var (task, ofTask) in weights.ByTask)
        {
            if (!byComm.TryGetValue(task.Comm, out var ofComm))
                byComm.Add(task.Comm, ofComm = []);
            foreach (var (node, weight) in ofTask)
                ofComm[node] = ofComm.GetValueOrDefault(node) + weight;
        }

        var writer = new StreamWriter(output, new UTF8Encoding(false), 1 << 16, leaveOpen: true) { NewLine = "\n" };
        var names = new string[tree.Boxes.Count];
        for (var box = 0; box < names.Length; box++)
            names[box] = Escape.Frame(tree.Boxes[box].Name);
        foreach (var (comm, ofComm) in byComm)
        {
            var first = Escape.Frame(comm);
            foreach (var (node, weight) in ofComm.OrderBy(pair => pair.Key))
                writer.Write($"{first};{string.Join(';', tree.PathOf(node).Select(box => names[box]))} {weight.ToString(CultureInfo.InvariantCulture)}\n");
        }

        writer.Flush();
    }
}
