using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;

namespace Faultrec.Analyzer.Scan;

/// <summary>A trace's faults in the file's order, which is that of time, a row group in memory.</summary>
internal static class OrderedScan
{
    /// <param name="columns">That <paramref name="see"/> looks at.</param>
    public static void Run(TraceReader reader, FaultFilter filter, FaultColumns columns, Action<FaultBatch, FaultClassifier> see)
    {
        var classifier = new FaultClassifier(reader.Metadata);
        var matcher = new RowFilter(filter, reader.Metadata);
        FaultBatch? batch = null;
        bool[] keep = [];
        for (var index = 0; index < reader.RowGroups.Count; index++)
        {
            var group = reader.RowGroups[index];
            if (!matcher.MayMatch(group))
                continue;
            if (batch is null || batch.Capacity < group.Rows)
            {
                batch = new FaultBatch(group.Rows);
                keep = new bool[group.Rows];
            }

            reader.ReadRowGroup(index, columns | classifier.Columns | matcher.Columns(group), batch);
            classifier.Classify(batch);
            if (!filter.IsEmpty && matcher.Mark(group, batch, classifier.Verdicts, keep) < batch.Count)
                classifier.Keep(batch, columns, keep);
            see(batch, classifier);
        }
    }
}
