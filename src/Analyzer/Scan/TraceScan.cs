using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;

namespace Faultrec.Analyzer.Scan;

/// <summary>What one thread of a scan computes from the faults it sees; merged when the threads are done.</summary>
internal interface IFaultSink<TSelf>
    where TSelf : IFaultSink<TSelf>
{
    /// <summary>Columns that <see cref="Add"/> reads.</summary>
    FaultColumns Columns { get; }

    /// <param name="batch">Only faults that passed the filter; only <see cref="Columns"/> are filled.</param>
    /// <param name="verdicts">On each fault of the batch; empty where the sink does not need them.</param>
    void Add(FaultBatch batch, in Verdicts verdicts);

    void Merge(TSelf other);

    /// <summary>Whether the sink uses verdicts, which need columns of their own.</summary>
    bool NeedsVerdicts => true;

    /// <summary>Whether the sink has a part that depends on the order of the faults.</summary>
    bool NeedsOrder => false;

    /// <summary>
    /// After <see cref="Add"/>, with the same batch, row group by row group in the file's order, which is that of time: one thread
    /// at a time, so that what is fed here is shared by the sinks of all threads, and never merged.
    /// </summary>
    void AddInOrder(FaultBatch batch, in Verdicts verdicts)
    {
    }
}

/// <summary>
/// Streams a trace's row groups through a sink: only groups that may match, only columns that are needed, one block in memory a
/// thread. Threads take the groups as they come; only <see cref="IFaultSink{TSelf}.AddInOrder"/> has them in order.
/// </summary>
internal static class TraceScan
{
    /// <summary>Below this a second reader costs more (opening, its own block) than it saves.</summary>
    private const long RowsPerThread = 300_000;

    /// <summary>A thread needs a block and its own aggregates: more would break the memory bound before it helps.</summary>
    private const int MaxThreads = 4;

    /// <param name="reader">Open; stays open. Other threads open the same path again.</param>
    public static TSink Run<TSink>(TraceReader reader, FaultFilter filter, Func<TSink> createSink)
        where TSink : class, IFaultSink<TSink>
    {
        var groups = MatchingGroups(reader, filter, out var rows);
        var threads = (int)Math.Clamp(rows / RowsPerThread, 1, Math.Min(Math.Min(Environment.ProcessorCount, MaxThreads), Math.Max(groups.Count, 1)));
        var work = new ScanWork(groups);
        if (threads == 1)
            return Drain(reader, filter, createSink(), work);
        var helpers = new Task<TSink>[threads - 1];
        for (var i = 0; i < helpers.Length; i++)
        {
            helpers[i] = Task.Run(() =>
            {
                using var own = TraceReader.Open(reader.Path);
                return Drain(own, filter, createSink(), work);
            });
        }

        TSink total;
        try
        {
            total = Drain(reader, filter, createSink(), work);
        }
        finally
        {
            Task.WaitAny(Task.WhenAll(helpers));
        }

        foreach (var helper in helpers)
            total.Merge(helper.GetAwaiter().GetResult());
        return total;
    }

    /// <summary>The same on one thread, in the file's order, which is that of time.</summary>
    /// <param name="columns">That <paramref name="see"/> looks at.</param>
    public static void RunInOrder(TraceReader reader, FaultFilter filter, FaultColumns columns, Action<FaultBatch, FaultClassifier> see)
        => Read(reader, filter, MatchingGroups(reader, filter, out _), columns, needsVerdicts: true, see);

    private static List<int> MatchingGroups(TraceReader reader, FaultFilter filter, out long rows)
    {
        var matcher = new RowFilter(filter, reader.Metadata);
        var groups = new List<int>();
        rows = 0;
        for (var i = 0; i < reader.RowGroups.Count; i++)
        {
            if (!matcher.MayMatch(reader.RowGroups[i]))
                continue;
            groups.Add(i);
            rows += reader.RowGroups[i].Rows;
        }

        return groups;
    }

    private static TSink Drain<TSink>(TraceReader reader, FaultFilter filter, TSink sink, ScanWork work)
        where TSink : class, IFaultSink<TSink>
    {
        try
        {
            DrainAll(reader, filter, sink, work);
            return sink;
        }
        catch
        {
            // No thread may wait for a turn that never comes.
            work.Stop();
            throw;
        }
    }

    private static void DrainAll<TSink>(TraceReader reader, FaultFilter filter, TSink sink, ScanWork work)
        where TSink : class, IFaultSink<TSink>
    {
        var turn = 0;
        Read(reader, filter, Taken(), sink.Columns, sink.NeedsVerdicts, (batch, classifier) =>
        {
            sink.Add(batch, classifier.Verdicts);
            if (!sink.NeedsOrder || !work.WaitFor(turn))
                return;
            sink.AddInOrder(batch, classifier.Verdicts);
            work.Pass();
        });

        IEnumerable<int> Taken()
        {
            while (work.TryTake(out turn, out var group))
                yield return group;
        }
    }

    // The one loop over row groups: reads the needed columns of each, classifies the rows, and drops those that do not match.
    private static void Read(
        TraceReader reader, FaultFilter filter, IEnumerable<int> groups, FaultColumns columns, bool needsVerdicts, Action<FaultBatch, FaultClassifier> see)
    {
        var classifier = new FaultClassifier(reader.Metadata);
        var matcher = new RowFilter(filter, reader.Metadata);
        FaultBatch? batch = null;
        bool[] keep = [];
        var isJudged = needsVerdicts || !filter.IsEmpty;
        foreach (var index in groups)
        {
            var group = reader.RowGroups[index];
            if (batch is null || batch.Capacity < group.Rows)
            {
                batch = new FaultBatch(Math.Max(group.Rows, LargestOf(reader)));
                keep = new bool[batch.Capacity];
            }

            reader.ReadRowGroup(index, columns | (isJudged ? classifier.Columns : FaultColumns.None) | matcher.Columns(group), batch);
            if (isJudged)
                classifier.Classify(batch);
            if (!filter.IsEmpty && matcher.Mark(group, batch, classifier.Verdicts, keep) < batch.Count)
                classifier.Keep(batch, columns, keep);
            see(batch, classifier);
        }
    }

    private static int LargestOf(TraceReader reader)
    {
        var largest = 0;
        foreach (var group in reader.RowGroups)
            largest = Math.Max(largest, group.Rows);
        return largest;
    }
}
