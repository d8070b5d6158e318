using System.Numerics;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Replay;

/// <summary>
/// The first pass over the trace: what was recorded, by bucket, and what must be known before the first fault is replayed. Memory
/// grows with regions and pages, not with faults.
/// </summary>
internal sealed class Survey
{
    // What fault-around maps at once.
    private static readonly int WindowShift = BitOperations.Log2((ulong)PageGeometry.FaultAroundBytes);

    private readonly AccessReader _access;
    private readonly Admission _admission;
    private readonly Dictionary<ReplayedRegion, Memory> _memory = [];
    private readonly HashSet<(int Region, ulong Window)> _windows = [];
    private readonly HashSet<(int Part, ulong Window)> _partial = [];
    private readonly HashSet<(StandInPart Part, ulong Offset)> _cold = [];
    private readonly HashSet<(int Pid, int Tid)> _threads = [];
    private readonly ReplayChange _change;
    private readonly long[] _skipped = new long[(int)Skip.WouldSucceed + 1];

    private Survey(TraceMetadata metadata, Admission admission, ReplayChange change)
    {
        (_access, _admission, _change) = (new AccessReader(metadata.Backend), admission, change);
    }

    public BucketTable Buckets { get; } = new();

    /// <summary>Rows to be replayed.</summary>
    public long Faults { get; private set; }

    /// <summary>Major faults among the recorded ones.</summary>
    public long Major { get; private set; }

    public long FirstNs { get; private set; } = long.MaxValue;

    public long LastNs { get; private set; }

    public bool IsSampled { get; private set; }

    public int Threads => _threads.Count;

    public IReadOnlyCollection<(StandInPart Part, ulong Offset)> ColdPages => _cold;

    /// <summary>By <see cref="Skip"/>.</summary>
    public IReadOnlyList<long> Skipped => _skipped;

    /// <summary>Peak number of pages created by the touches.</summary>
    public long PeakPages { get; private set; }

    /// <summary>The same for the pool of huge pages (MAP_HUGETLB), in small pages.</summary>
    public long PeakPoolPages { get; private set; }

    public static Survey Read(TraceReader reader, ReplayOptions options, Admission admission, CancellationToken cancelled)
    {
        var survey = new Survey(reader.Metadata, admission, options.Change);
        TraceScan.RunInOrder(reader, options.Filter, Columns(survey._access), (batch, classifier) =>
        {
            cancelled.ThrowIfCancellationRequested();
            survey.See(batch, classifier);
        });
        survey.PeakPages = survey.FindPeak(fromPool: false);
        survey.PeakPoolPages = survey.FindPeak(fromPool: true);
        return survey;
    }

    /// <summary>Not all of the file's pages around may be in the page cache when one of them is touched first.</summary>
    public bool IsPartial(StandInPart part, ulong offset) => _partial.Contains((part.Index, offset >> WindowShift));

    /// <summary>Columns that both passes read, in addition to those of the rules.</summary>
    internal static FaultColumns Columns(AccessReader access)
        => FaultColumns.TimeNs | FaultColumns.DurationNs | FaultColumns.Pid | FaultColumns.Tid | FaultColumns.Comm | FaultColumns.Address
            | FaultColumns.Major | FaultColumns.KernelAccess | FaultColumns.PtLevel | FaultColumns.PteBefore | FaultColumns.PageOrder
            | FaultColumns.RegionId | FaultColumns.Weight | access.Columns;

    private void See(FaultBatch batch, FaultClassifier classifier)
    {
        var severities = classifier.Verdicts.Severities;
        var kinds = classifier.Verdicts.Kinds;
        for (var i = 0; i < batch.Count; i++)
        {
            var skip = _admission.Admit(batch, i, severities[i], out var region);
            if (skip != Skip.No)
            {
                _skipped[(int)skip]++;
                continue;
            }

            var bucket = Buckets.All[Buckets.NumberOf(batch.RegionId[i], kinds[i], severities[i])];
            bucket.Recorded++;
            if (batch.DurationNs[i] >= 0)
                bucket.RecordedDurations.Add(batch.DurationNs[i]);
            Faults++;
            Major += severities[i] == Severity.Major ? 1 : 0;
            FirstNs = Math.Min(FirstNs, batch.TimeNs[i]);
            LastNs = Math.Max(LastNs, batch.TimeNs[i]);
            IsSampled |= batch.Weight[i] > 1;
            _threads.Add((batch.Pid[i], _change.TidOf(batch, i)));
            if (region is not null && severities[i] != Severity.Failed)
                SeePage(batch, i, region);
        }
    }

    private void SeePage(FaultBatch batch, int row, ReplayedRegion region)
    {
        var address = (ulong)batch.Address[row];
        var isWrite = _access.Of(batch, row) == FaultAccess.Write;
        region.IsWritable |= isWrite;
        region.IsReadable = true;
        region.HasFaults = true;
        if (isWrite || !region.IsFile || region.IsPopulated)
            MemoryOf(region).Add(address, batch.PageOrder[row] >= PageGeometry.Here.HugeOrder, batch.TimeNs[row]);
        if (!region.IsFile || FaultFacts.Of(batch, row) == EntryFound.Present)
            return;
        var offset = region.Ledger.FileOffset + (address - region.Ledger.Start) - region.Part!.FirstByte;
        if (batch.Major[row])
            _cold.Add((region.Part, PageGeometry.Here.StartOf(offset)));
        // A second fault in the range that the first would have mapped: so the page was not in memory then.
        if (batch.Major[row] || (!_windows.Add((region.Ledger.Id, address >> WindowShift)) && !isWrite))
            _partial.Add((region.Part.Index, offset >> WindowShift));
    }

    private Memory MemoryOf(ReplayedRegion region)
    {
        if (!_memory.TryGetValue(region, out var memory))
            _memory[region] = memory = new Memory(region);
        return memory;
    }

    private long FindPeak(bool fromPool)
    {
        var changes = new List<(long TimeNs, long Pages)>(_memory.Count * 2);
        foreach (var (region, memory) in _memory.Where(memory => memory.Key.IsHugetlb == fromPool))
        {
            changes.Add((memory.FirstNs, memory.Pages));
            if (region.Ledger.DiedNs is { } died)
                changes.Add((Math.Max(died, memory.FirstNs), -memory.Pages));
        }

        changes.Sort();
        var (pages, peak) = (0L, 0L);
        foreach (var change in changes)
        {
            pages += change.Pages;
            peak = Math.Max(peak, pages);
        }

        return peak;
    }

    private sealed class Memory(ReplayedRegion region)
    {
        private readonly int _shift = ShiftOf(region);
        private readonly PageSet _units = new((long)(region.Ledger.Start >> ShiftOf(region)),
            (long)((region.Ledger.End - region.Ledger.Start) >> ShiftOf(region)) + 1);
        private readonly PageSet _huge = new(0, 0);

        public long Pages
            => region.IsPopulated
                ? PageGeometry.Here.PageOf(region.End - region.Start)
                : (_units.Count << (_shift - PageGeometry.Here.PageShift)) + (_huge.Count * PageGeometry.Here.HugePages);

        public long FirstNs { get; private set; } = long.MaxValue;

        private static int ShiftOf(ReplayedRegion region) => BitOperations.Log2(region.FilledBytes);

        public void Add(ulong address, bool isHuge, long timeNs)
        {
            FirstNs = Math.Min(FirstNs, timeNs);
            if (isHuge)
                _huge.Add(PageGeometry.Here.HugePageOf(address));
            else
                _units.Add((long)(address >> _shift));
        }
    }
}
