using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Measures;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Tables;

/// <param name="Comm">Thread name at the fault.</param>
internal sealed record CommKindRow(string Comm, FaultKind Kind, FaultCounts Counts, LatencySummary Latency);

internal static class CommKindTable
{
    private static readonly Measure<Counter> Counted = new(_ => new Counter());

    public static TableDefinition<CommKindRow> Definition { get; } = new()
    {
        Name = "comm_kind",
        Title = "kinds by comm",
        Question = "why faults happened, by thread name",
        JsonKey = "comm_kinds",
        Needs = [Counted],
        IsInReport = false,
        Rows = Rows,
        Columns = (table, _) => table
            .Text("comm", "comm", "thread name at the fault", ColumnAudience.Everyone, row => row.Comm)
            .Text("kind", "kind", "why the faults happened (docs/kinds.md)", ColumnAudience.Everyone, row => row.Kind.Name())
            .Counts(row => row.Counts)
            .Latency(row => row.Latency, ColumnAudience.Wide, ColumnAudience.Everyone),
    };

    private static List<CommKindRow> Rows(FaultReport report)
    {
        var rows = (report.Find(Counted)?.ByCommAndKind ?? [])
            .Select(pair => new CommKindRow(pair.Key.Comm, pair.Key.Kind, pair.Value.Counts, LatencySummary.Of(pair.Value.Latency)))
            .ToList();
        rows.Sort((a, b) => Ordering.ByFaults(
            a.Counts, b.Counts, string.CompareOrdinal(a.Comm, b.Comm) is not 0 and var byComm ? byComm : a.Kind.CompareTo(b.Kind)));
        return rows;
    }

    private sealed class Counter : IMeasure<Counter>
    {
        public Dictionary<(string Comm, FaultKind Kind), FaultStats> ByCommAndKind { get; } = [];

        public FaultColumns Columns => FaultColumns.Comm | FaultColumns.DurationNs;

        public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
            where TWeights : struct, IRowWeights
        {
            var (comms, durations) = (batch.Comm, batch.DurationNs);
            string? lastComm = null;
            var (lastKind, stats) = (FaultKind.Unknown, new FaultStats());
            for (var i = 0; i < verdicts.Kinds.Length; i++)
            {
                // Neighbouring rows mostly share both; only a change costs a look-up.
                if (!ReferenceEquals(comms[i], lastComm) || verdicts.Kinds[i] != lastKind)
                    (lastComm, lastKind, stats) = (comms[i], verdicts.Kinds[i], StatsOf((comms[i], verdicts.Kinds[i])));
                stats.Add(verdicts.Severities[i], durations[i], weights.Of(i));
            }
        }

        public void Merge(Counter other)
        {
            foreach (var (key, stats) in other.ByCommAndKind)
                StatsOf(key).Merge(stats);
        }

        private FaultStats StatsOf((string, FaultKind) key)
        {
            if (!ByCommAndKind.TryGetValue(key, out var stats))
                ByCommAndKind.Add(key, stats = new FaultStats());
            return stats;
        }
    }
}
