using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;

namespace Faultrec.Analyzer.Scan;

/// <summary>A trace's faults in the file's order, which is that of time, a row group in memory.</summary>
internal static class OrderedScan
{
    /// <param name="columns">That <paramref name="see"/> looks at.</param>
    public static void Run(TraceReader reader, FaultFilter filter, FaultColumns columns, Action<FaultBatch, Judge> see)
    {
        var judge = new Judge(reader.Metadata);
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

            reader.ReadRowGroup(index, columns | judge.Columns | matcher.Columns(group), batch);
            judge.Classify(batch);
            if (!filter.IsEmpty && matcher.Mark(group, batch, judge.Verdicts, keep) < batch.Count)
                judge.Keep(batch, columns, keep);
            see(batch, judge);
        }
    }
}
