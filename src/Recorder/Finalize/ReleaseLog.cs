using Faultrec.Recorder.Native;
using Faultrec.Traces.Ledger;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Finalize;

/// <summary>One range that was given back or moved, while the merge runs.</summary>
internal sealed class ReleasedRange
{
    public required long TimeNs { get; init; }

    public required ProcessState Process { get; init; }

    public required string Call { get; init; }

    /// <summary>Node of the call's stack, or <see cref="ReleaseTable.WithoutStack"/>.</summary>
    public required int Stack { get; init; }

    public required long FirstPage { get; set; }

    public required long Pages { get; set; }

    /// <summary>Or <see cref="ReleaseTable.NotMoved"/>.</summary>
    public required long ToPage { get; init; }

    public long EndPage => FirstPage + Pages;

    /// <summary>By execve or exit.</summary>
    public bool IsEverything => Pages == ReleaseTable.Everything;
}

/// <summary>The state of one process's releases.</summary>
internal sealed class ProcessReleases
{
    /// <summary>The last one, if the next can still be added to it.</summary>
    public ReleasedRange? Open { get; set; }

    public long Omitted { get; set; }

    public long OmittedPages { get; set; }

    /// <summary>Something else has happened in the process's memory.</summary>
    public void End() => Open = null;
}

/// <summary>
/// The ranges of memory that processes gave back or moved, each told where its system call ends, before the address space changes. Calls
/// that do the same to neighbouring ranges, one after the other, are one release, if nothing else happens in the process's memory meanwhile.
/// </summary>
internal sealed class ReleaseLog
{
    /// <summary>
    /// Without what execve and exit give back, which is always kept. A release takes 30 to 45 bytes of the trace's metadata, which
    /// every reader reads whole: 5 MB in all.
    /// </summary>
    public const int MostReleases = 131_072;

    /// <summary>From the first call to the last that is added to it: a release has one time.</summary>
    public const long MergedNs = 1_000_000;

    private const string Mmap = "mmap";
    private const string Mremap = "mremap";
    private const string Shmdt = "shmdt";

    private static readonly int MmapNumber = SystemCalls.Number(Mmap);

    // include/uapi/asm-generic/mman-common.h; AdviceLog has what else bpf/calls.bpf.h tells of. What is collapsed is not given back, but filled.
    private static readonly Dictionary<long, string> Advice = new()
    {
        [4] = "madvise dontneed",
        [8] = ReleaseCalls.Free,
        [9] = "madvise remove",
        [21] = ReleaseCalls.PageOut,
        [24] = "madvise dontneed_locked",
        [25] = ReleaseCalls.Collapse,
    };

    private static readonly Dictionary<long, string> Fills = new()
    {
        [(long)UffdFill.Copy] = ReleaseCalls.UserfaultCopy,
        [(long)UffdFill.Zeropage] = ReleaseCalls.UserfaultZeroPage,
        [(long)UffdFill.Continue] = ReleaseCalls.UserfaultContinue,
    };

    private readonly List<ReleasedRange> _all = [];
    private int _whole;

    /// <summary>a0 to a5: { the call's first four arguments, its value, its number }. To be called before the address space is changed.</summary>
    /// <param name="stack">Node of the call's stack; null: it has none.</param>
    public void Apply(in EventRecord record, ProcessState process, int? stack)
    {
        var call = new Caller(process, record.TimeNs, stack ?? ReleaseTable.WithoutStack);
        var space = process.Space;
        switch (record.Type)
        {
            case EventType.Unmap:
                Add(call, ReleaseCalls.Unmap, (ulong)record.A0, End((ulong)record.A0, (ulong)record.A1, space));
                break;
            case EventType.Advise when Advice.TryGetValue((uint)record.A2, out var name):
                Add(call, name, (ulong)record.A0, End((ulong)record.A0, (ulong)record.A1, space));
                break;
            case EventType.Brk when record.A0 == record.A4 && space.Pages.RoundUp((ulong)record.A4) is var end && end < space.HeapEnd:
                Add(call, ReleaseCalls.Brk, end, space.HeapEnd.Value);
                break;
            case EventType.Shmdt when space.Find((ulong)record.A0) is { } piece:
                Add(call, Shmdt, piece.Start, piece.End);
                break;
            case EventType.Remap:
                Move(call, (ulong)record.A0, space.Pages.RoundUp((ulong)record.A1), (ulong)record.A4, space.Pages.RoundUp((ulong)record.A2));
                break;
            case EventType.Mapped when record.A5 == MmapNumber:
                const long mapFixed = 0x10;
                var replaced = space.Replaced.Take((ulong)record.A4, End((ulong)record.A4, (ulong)record.A1, space));
                // Before the call filled the new mapping (MAP_POPULATE).
                foreach (var (start, behind, timeNs) in (record.A3 & mapFixed) != 0 ? replaced : [])
                    Add(call with { TimeNs = timeNs }, Mmap, start, behind);
                break;
            case EventType.Collapsed when record.A0 == 0:
                Add(call, ReleaseCalls.Khugepaged, 0, (ulong)record.A1 << space.Pages.PageShift);
                process.Releases.End();
                break;
            case EventType.Collapsed:
                Add(call, ReleaseCalls.Khugepaged, (ulong)record.A0, (ulong)record.A0 + (ulong)space.Pages.HugeBytes);
                break;
            case EventType.UserfaultFilled when Fills.TryGetValue(record.A3, out var name):
                Add(call, name, (ulong)record.A0, End((ulong)record.A0, (ulong)record.A1, space));
                break;
            case EventType.UserfaultFilled:
                Add(call, ReleaseCalls.UserfaultMove, (ulong)record.A2, End((ulong)record.A2, (ulong)record.A1, space), (ulong)record.A0);
                process.Releases.End();
                break;
            default:
                process.Releases.End();
                break;
        }
    }

    /// <summary>Everything that a process had.</summary>
    public void AddAll(ProcessState process, string call, long timeNs)
    {
        process.Releases.End();
        _whole++;
        _all.Add(new ReleasedRange
        {
            TimeNs = timeNs,
            Process = process,
            Call = call,
            Stack = ReleaseTable.WithoutStack,
            FirstPage = 0,
            Pages = ReleaseTable.Everything,
            ToPage = ReleaseTable.NotMoved,
        });
    }

    /// <param name="processes">Those that are part of the recording.</param>
    public ReleaseTable Build(Func<long, long> toTraceTime, IReadOnlyList<ProcessState> processes)
    {
        var recorded = processes.ToHashSet();
        _all.RemoveAll(release => !recorded.Contains(release.Process));
        KeepLargest();
        // A few come late: see TimeMerge.
        ReleasedRange[] inOrder = [.. _all.OrderBy(release => release.TimeNs)];
        var calls = inOrder.Select(release => release.Call).Distinct().ToList();
        return new ReleaseTable(
            calls,
            [.. inOrder.Select((release, i) => i == 0 ? toTraceTime(release.TimeNs) : release.TimeNs - inOrder[i - 1].TimeNs)],
            [.. inOrder.Select(release => release.Process.Pid)],
            [.. inOrder.Select(release => calls.IndexOf(release.Call))],
            [.. inOrder.Select(release => release.FirstPage)],
            [.. inOrder.Select(release => release.Pages)],
            [.. inOrder.Select(release => release.ToPage)],
            [.. inOrder.Select(release => release.Stack)],
            processes.Sum(process => process.Releases.Omitted),
            processes.Aggregate(0L, (sum, process) => Sum(sum, process.Releases.OmittedPages)));
    }

    /// <summary>mremap(2): what is shrunk and what lay at the destination is given back, the rest moves if it does.</summary>
    private void Move(in Caller call, ulong start, ulong length, ulong to, ulong newLength)
    {
        var isMoved = to != start;
        if (newLength < length)
            Add(call, Mremap, start + newLength, start + length);
        if (!isMoved)
        {
            if (newLength >= length)
                call.Process.Releases.End();
            return;
        }

        // The side-band has no record for it: what is mapped here is what was.
        foreach (var (from, end) in call.Process.Space.MappedIn(to, to + newLength))
            Add(call, Mremap, from, end);
        Add(call, Mremap, start, start + Math.Min(length, newLength), to);
        call.Process.Releases.End();
    }

    private void Add(in Caller call, string name, ulong start, ulong end, ulong? to = null)
    {
        var pages = call.Process.Space.Pages;
        var (first, behind) = (pages.PageOf(start), pages.PageOf(end));
        if (first >= behind)
            return;
        var toPage = to is { } moved ? pages.PageOf(moved) : ReleaseTable.NotMoved;
        if (call.Process.Releases.Open is { } open && open.Call == name && open.Stack == call.Stack && toPage == open.ToPage
            && call.TimeNs - open.TimeNs <= MergedNs && first <= open.EndPage && behind >= open.FirstPage)
        {
            var endPage = Math.Max(behind, open.EndPage);
            open.FirstPage = Math.Min(first, open.FirstPage);
            open.Pages = endPage - open.FirstPage;
            return;
        }

        var release = new ReleasedRange
        {
            TimeNs = call.TimeNs,
            Process = call.Process,
            Call = name,
            Stack = call.Stack,
            FirstPage = first,
            Pages = behind - first,
            ToPage = toPage,
        };
        call.Process.Releases.Open = release;
        _all.Add(release);
        if (_all.Count - _whole >= 2 * MostReleases)
            KeepLargest();
    }

    /// <summary>Of those that have the least size of all that are kept, the first are.</summary>
    private void KeepLargest()
    {
        var sizes = _all.Where(release => !release.IsEverything).Select(release => release.Pages).OrderDescending().ToList();
        if (sizes.Count <= MostReleases)
            return;
        var least = sizes[MostReleases - 1];
        var room = MostReleases - sizes.TakeWhile(pages => pages > least).Count();
        _all.RemoveAll(release =>
        {
            if (release.Pages > least || release.Pages == least && room-- > 0)
                return false;
            var releases = release.Process.Releases;
            (releases.Omitted, releases.OmittedPages) = (releases.Omitted + 1, Sum(releases.OmittedPages, release.Pages));
            if (releases.Open == release)
                releases.End();
            return true;
        });
    }

    /// <summary>A hostile spool may claim any number of pages.</summary>
    private static long Sum(long pages, long others) => Math.Min(pages + others, ReleaseTable.Everything);

    private static ulong End(ulong start, ulong length, AddressSpace space) => space.Pages.RoundUp(start + length);

    private readonly record struct Caller(ProcessState Process, long TimeNs, int Stack);
}
