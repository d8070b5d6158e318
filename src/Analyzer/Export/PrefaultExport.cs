using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Faultrec.Traces.Plans;

namespace Faultrec.Analyzer.Export;

/// <summary>
/// What to read ahead of a program's next start: the parts of files that it faulted in, in the order of first use. Within a slice
/// of time they are in file order, and adjacent parts are one range, so that the disk reads a few large pieces.
/// </summary>
internal sealed class PrefaultExport
{
    /// <summary>A disk reads some MiB in this time: parts used this close together need no order.</summary>
    private const long SliceNs = 10_000_000;

    private const string DeletedSuffix = " (deleted)";

    private readonly RegionIndex _regions;
    private readonly PageGeometry _pages;
    private readonly long _mostPages;
    private readonly Dictionary<(string Path, ulong Inode), int> _numbers = [];
    private readonly List<PlanFile> _files = [];
    private readonly List<PageSet> _taken = [];
    private readonly List<Piece> _pieces = [];
    private readonly HashSet<string> _unusable = [];
    private readonly int _mostRanges;
    private long _pagesLeftOut;

    private PrefaultExport(TraceMetadata metadata, int mostRanges)
    {
        (_regions, _pages, _mostRanges) = (new RegionIndex(metadata.Regions), metadata.Pages, mostRanges);
        _mostPages = PrefaultPlan.MostBytes / _pages.PageBytes;
    }

    /// <summary>Pages of a file, first used in a slice of time.</summary>
    private readonly record struct Piece(long Slice, int File, long First, long End);

    /// <returns>What the plan leaves out, in words; null: nothing.</returns>
    /// <exception cref="FaultrecException">Nothing to plan.</exception>
    public static string? Write(TraceReader reader, FaultFilter filter, Stream output)
    {
        var (plan, note) = Make(reader, filter, PrefaultPlan.MostRanges);
        PrefaultPlanWriter.Write(plan, output);
        return note;
    }

    internal static (PrefaultPlan Plan, string? Note) Make(TraceReader reader, FaultFilter filter, int mostRanges)
    {
        if (reader.Metadata.StartedAt <= DateTimeOffset.UnixEpoch)
        {
            throw new FaultrecException(ExitCode.BadInput,
                $"{reader.Path}: does not say when it was recorded; expected a time, which tells a prefault plan which files have changed "
                + "since; record with faultrec record");
        }

        var export = new PrefaultExport(reader.Metadata, mostRanges);
        const FaultColumns columns = FaultColumns.TimeNs | FaultColumns.Address | FaultColumns.Access | FaultColumns.RegionId | FaultColumns.FilePage
            | FaultColumns.PageOrder;
        TraceScan.RunInOrder(reader, filter, columns, (batch, classifier) =>
        {
            for (var row = 0; row < batch.Count; row++)
            {
                if (classifier.Verdicts.Severities[row] != Severity.Failed)
                    export.Add(batch, row);
            }
        });
        if (export._pieces.Count == 0)
        {
            throw new FaultrecException(ExitCode.BadInput,
                $"{reader.Path}: has no faults in files that can be found again; expected some for a prefault plan; "
                + "record a program that maps files, or widen the filter");
        }

        return (new PrefaultPlan(EndOf(reader.Metadata), export._files, export.Ranges()), export.Note(SampleRule.IsSample(reader.Metadata)));
    }

    private static DateTimeOffset EndOf(TraceMetadata metadata)
        => metadata.StartedAt.AddTicks(Math.Clamp(metadata.DurationNs / TimeSpan.NanosecondsPerTick, 0,
            DateTimeOffset.MaxValue.UtcTicks - metadata.StartedAt.UtcTicks));

    private void Add(FaultBatch batch, int row)
    {
        if (batch.FilePage[row] < 0 || batch.FilePage[row] >= _mostPages || _regions.Find(batch.RegionId[row]) is not { Path: { } path } region
            || MappingFacts.Of(region).Backing != MappingBacking.File)
        {
            return;
        }

        if (region.Inode == 0 || path[0] != '/' || path.EndsWith(DeletedSuffix, StringComparison.Ordinal))
        {
            _unusable.Add(path);
            return;
        }

        var (first, end) = Extent(region, (ulong)batch.Address[row], batch.FilePage[row], batch.Access[row], batch.PageOrder[row]);
        Take(Number(path, region.Inode), batch.TimeNs[row] / SliceNs, first, end);
    }

    /// <summary>
    /// The pages that the fault shows to be used: a write to private memory copies one page, whatever is around it. A read maps the cached
    /// pages of the aligned piece around it (do_fault_around of mm/memory.c), so later touches there cause no fault, and are in
    /// no trace. A huge page of the page cache is mapped whole.
    /// </summary>
    private (long First, long End) Extent(Region region, ulong address, long page, FaultAccess access, int order)
    {
        if (access == FaultAccess.Write || address < region.Start || address >= region.End)
            return (page, page + 1);
        var around = (ulong)Math.Max(PageGeometry.FaultAroundBytes, order > 0 && order <= _pages.LargestOrder ? (long)_pages.PageBytes << order : 0);
        var start = Math.Max(address & ~(around - 1), region.Start);
        var end = Math.Min((address & ~(around - 1)) + around - 1, region.End - 1);
        var first = page - (_pages.PageOf(address) - _pages.PageOf(start));
        return (Math.Max(first, 0), page + _pages.PageOf(end) - _pages.PageOf(address) + 1);
    }

    // Only pages that no earlier fault brought in.
    private void Take(int file, long slice, long first, long end)
    {
        var taken = _taken[file];
        for (var page = first; page < end; page++)
        {
            if (!taken.Add(page))
                continue;
            if (_pieces.Count > 0 && _pieces[^1] is var last && last.File == file && last.Slice == slice && last.End == page)
                _pieces[^1] = last with { End = page + 1 };
            else if (_pieces.Count == _mostRanges)
                _pagesLeftOut++;
            else
                _pieces.Add(new Piece(slice, file, page, page + 1));
        }
    }

    private int Number(string path, ulong inode)
    {
        if (_numbers.TryGetValue((path, inode), out var number))
            return number;
        number = _files.Count;
        _numbers.Add((path, inode), number);
        _files.Add(new PlanFile(path, inode));
        _taken.Add(new PageSet(0, 0));
        return number;
    }

    private List<PlanRange> Ranges()
    {
        _pieces.Sort((a, b) => a.Slice != b.Slice ? a.Slice.CompareTo(b.Slice) : a.File != b.File ? a.File - b.File : a.First.CompareTo(b.First));
        var ranges = new List<PlanRange>();
        for (var i = 0; i < _pieces.Count;)
        {
            var joined = _pieces[i];
            while (++i < _pieces.Count && _pieces[i] is var next && next.Slice == joined.Slice && next.File == joined.File && next.First == joined.End)
                joined = joined with { End = next.End };
            ranges.Add(new PlanRange(joined.File, joined.First * _pages.PageBytes, (joined.End - joined.First) * _pages.PageBytes));
        }

        return ranges;
    }

    private string? Note(bool isSample)
    {
        List<string> parts = [];
        if (_unusable.Count > 0)
        {
            parts.Add(
                $"{Units.Of(_unusable.Count, "file")} that cannot be found again (deleted, or recorded without an inode), "
                + $"such as {_unusable.Min(StringComparer.Ordinal)}");
        }

        if (_pagesLeftOut > 0)
            parts.Add($"{Units.Of(_pagesLeftOut, "page")} after the first {Units.Count(_mostRanges)} ranges");
        if (isSample)
            parts.Add("pages whose only faults the recording's sampling left out");
        return parts.Count == 0 ? null : $"the plan leaves out {string.Join("; ", parts)}";
    }
}
