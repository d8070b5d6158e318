using Faultrec.Analyzer.Classify;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Measures;

/// <summary>Where the time of a fault went.</summary>
internal enum FaultCause : byte
{
    Reclaim,
    Compaction,

    /// <summary>Waiting for a swap device: I/O wait of a fault that found an entry of a swap device.</summary>
    SwapRead,

    /// <summary>Waiting until a page was moved: I/O wait of a fault that found a migration entry.</summary>
    Migration,

    /// <summary>Waiting for a file's device: I/O wait of any other fault.</summary>
    FileRead,

    /// <summary>I/O wait of a fault without page-table facts.</summary>
    IoWait,
    LockWait,
    OffCpu,
    Zeroing,

    /// <summary>The rest of the duration, after subtracting all other causes.</summary>
    KernelWork,
}

/// <summary>Names of <see cref="FaultCause"/> in every format, and what each is in a sentence.</summary>
internal static class FaultCauseNames
{
    private static readonly (string Name, string Phrase)[] Names =
    [
        ("reclaim", "freeing memory"),
        ("compaction", "compacting memory"),
        ("swap_read", "waiting for the swap device"),
        ("migration", "waiting until the page was moved"),
        ("file_read", "waiting for the file's device"),
        ("io_wait", "waiting for a device"),
        ("lock_wait", "waiting for mmap_lock"),
        ("off_cpu", "not running"),
        ("zeroing", "zeroing a huge page"),
        ("kernel_work", "the kernel's own work"),
    ];

    public static int Count => Names.Length;

    public static string Name(this FaultCause cause) => Names[(int)cause].Name;

    internal static string Phrase(this FaultCause cause) => Names[(int)cause].Phrase;

    /// <summary>Name of the cause as the recorder traces it, the column without _ns; null for the rest.</summary>
    internal static string? Column(this FaultCause cause) => cause switch
    {
        FaultCause.SwapRead or FaultCause.Migration or FaultCause.FileRead => "io_wait",
        FaultCause.KernelWork => null,
        _ => cause.Name(),
    };
}

/// <summary>Sums of one cause.</summary>
internal readonly record struct CauseSum(long Faults, long Ns);

/// <summary>Where did fault time go? Only of recordings with `--why`.</summary>
/// <param name="metadata">Of the trace: it names the types of swap entries.</param>
internal sealed class CauseAggregate(TraceMetadata metadata) : IMeasure<CauseAggregate>
{
    public static Measure<CauseAggregate> Measure { get; } = new(plan => plan.Metadata.Causes.Count > 0 ? new CauseAggregate(plan.Metadata) : null);

    private readonly SwapUses? _swapTypes = SwapUses.Of(metadata);

    /// <summary>A fault that took at least this long is slow: a hundred times as long as an ordinary minor fault.</summary>
    public const long SlowNs = 100_000;

    private readonly long[] _faults = new long[FaultCauseNames.Count * 2];
    private readonly long[] _ns = new long[FaultCauseNames.Count * 2];

    /// <summary>Faults whose duration was split, and their time; the second element is of slow ones only.</summary>
    public CauseSum[] Split { get; } = new CauseSum[2];

    /// <summary>Faults of known duration whose causes were not traced, and their time.</summary>
    public CauseSum NotSplit { get; private set; }

    /// <summary>Time by which the causes exceed the durations: 0 unless clocks disagree.</summary>
    public long ExcessNs { get; private set; }

    public CauseSum Sum(FaultCause cause, bool slowOnly)
    {
        var cell = Cell(cause, slowOnly);
        return new CauseSum(_faults[cell], _ns[cell]);
    }

    public FaultColumns Columns => CauseSplit.Columns;

    public void Add<TWeights>(FaultBatch batch, in Verdicts verdicts, TWeights weights)
        where TWeights : struct, IRowWeights
    {
        var count = batch.Count;
        Span<long> parts = stackalloc long[FaultCauseNames.Count];
        for (var i = 0; i < count; i++)
        {
            var durationNs = batch.DurationNs[i];
            if (durationNs < 0)
                continue;
            long weight = weights.Of(i);
            if (!CauseSplit.TryRead(batch, i, _swapTypes, parts, out var excessNs))
            {
                NotSplit = new CauseSum(NotSplit.Faults + weight, NotSplit.Ns + (durationNs * weight));
                continue;
            }

            ExcessNs += excessNs * weight;
            AddParts(parts, durationNs, weight, 0);
            if (durationNs >= SlowNs)
                AddParts(parts, durationNs, weight, 1);
        }
    }

    public void Merge(CauseAggregate other)
    {
        for (var i = 0; i < _ns.Length; i++)
        {
            _faults[i] += other._faults[i];
            _ns[i] += other._ns[i];
        }

        for (var i = 0; i < Split.Length; i++)
            Split[i] = new CauseSum(Split[i].Faults + other.Split[i].Faults, Split[i].Ns + other.Split[i].Ns);
        NotSplit = new CauseSum(NotSplit.Faults + other.NotSplit.Faults, NotSplit.Ns + other.NotSplit.Ns);
        ExcessNs += other.ExcessNs;
    }

    private void AddParts(ReadOnlySpan<long> parts, long durationNs, long weight, int half)
    {
        Split[half] = new CauseSum(Split[half].Faults + weight, Split[half].Ns + (durationNs * weight));
        for (var cause = 0; cause < parts.Length; cause++)
        {
            if (parts[cause] == 0)
                continue;
            var cell = Cell((FaultCause)cause, half == 1);
            _faults[cell] += weight;
            _ns[cell] += parts[cause] * weight;
        }
    }

    private static int Cell(FaultCause cause, bool slowOnly) => (slowOnly ? FaultCauseNames.Count : 0) + (int)cause;
}

/// <summary>The split of one fault's duration.</summary>
internal static class CauseSplit
{
    public const FaultColumns Columns = FaultColumns.DurationNs | FaultColumns.ReclaimNs | FaultColumns.CompactionNs | FaultColumns.IoWaitNs
        | FaultColumns.LockWaitNs | FaultColumns.OffCpuNs | FaultColumns.ZeroingNs | FaultColumns.PtLevel | FaultColumns.PteBefore;

    /// <param name="swapTypes">Null: the trace does not name them.</param>
    /// <param name="parts">One per <see cref="FaultCause"/>, ns; a cause that was not traced is 0 and so part of the rest.</param>
    /// <param name="excessNs">Time by which the causes exceed the duration.</param>
    /// <returns>False when no cause of this fault was traced.</returns>
    public static bool TryRead(FaultBatch batch, int row, SwapUses? swapTypes, Span<long> parts, out long excessNs)
    {
        parts.Clear();
        var known = false;
        known |= Put(parts, FaultCause.Reclaim, batch.ReclaimNs[row]);
        known |= Put(parts, FaultCause.Compaction, batch.CompactionNs[row]);
        known |= Put(parts, IoCause(batch, row, swapTypes), batch.IoWaitNs[row]);
        known |= Put(parts, FaultCause.LockWait, batch.LockWaitNs[row]);
        known |= Put(parts, FaultCause.OffCpu, batch.OffCpuNs[row]);
        known |= Put(parts, FaultCause.Zeroing, batch.ZeroingNs[row]);
        long claimed = 0;
        foreach (var part in parts)
            claimed += part;
        var rest = batch.DurationNs[row] - claimed;
        parts[(int)FaultCause.KernelWork] = Math.Max(rest, 0);
        excessNs = known ? Math.Max(-rest, 0) : 0;
        return known;
    }

    private static FaultCause IoCause(FaultBatch batch, int row, SwapUses? swapTypes)
    {
        if (batch.PtLevel[row] < 0 || batch.PteBefore[row] == FaultBatch.NullPte)
            return FaultCause.IoWait;
        var entry = new PageTableEntry(batch.PteBefore[row]);
        if (!entry.IsSwap)
            return FaultCause.FileRead;
        // If the trace does not name the types, most of them are devices.
        return (swapTypes?[entry] ?? SwapUse.Device) switch
        {
            SwapUse.Device => FaultCause.SwapRead,
            SwapUse.Migration => FaultCause.Migration,
            _ => FaultCause.IoWait,
        };
    }

    private static bool Put(Span<long> parts, FaultCause cause, long ns)
    {
        parts[(int)cause] += Math.Max(ns, 0);
        return ns >= 0;
    }
}
