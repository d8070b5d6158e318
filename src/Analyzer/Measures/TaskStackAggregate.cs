using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Measures;

/// <summary>How much weight does each node of the tree of functions have, by thread and thread name?</summary>
internal sealed class TaskStackAggregate(FunctionTree tree, ExportWeight weight) : IFaultSink<TaskStackAggregate>
{
    private readonly Dictionary<TaskName, Dictionary<int, long>> _byTask = [];

    public FaultColumns Columns => FaultColumns.Pid | FaultColumns.Tid | FaultColumns.Comm | FaultColumns.StackId | ExportWeights.Columns(weight);

    public IReadOnlyDictionary<TaskName, Dictionary<int, long>> ByTask => _byTask;

    public void Add(FaultBatch batch, in Verdicts verdicts)
    {
        var severities = verdicts.Severities;
        var (last, weights) = (default(TaskName), new Dictionary<int, long>());
        for (var i = 0; i < severities.Length; i++)
        {
            var added = ExportWeights.Of(weight, batch, i, severities[i]);
            if (added == 0)
                continue;
            if (!ReferenceEquals(batch.Comm[i], last.Comm) || batch.Tid[i] != last.Tid || batch.Pid[i] != last.Pid)
                weights = WeightsOf(last = new TaskName(batch.Pid[i], batch.Tid[i], batch.Comm[i]));
            var node = tree.NodeOf(batch.StackId[i]);
            weights[node] = weights.GetValueOrDefault(node) + added;
        }
    }

    public void Merge(TaskStackAggregate other)
    {
        foreach (var (task, theirs) in other._byTask)
        {
            var ours = WeightsOf(task);
            foreach (var (node, added) in theirs)
                ours[node] = ours.GetValueOrDefault(node) + added;
        }
    }

    private Dictionary<int, long> WeightsOf(TaskName task)
    {
        if (!_byTask.TryGetValue(task, out var weights))
            _byTask.Add(task, weights = []);
        return weights;
    }
}
