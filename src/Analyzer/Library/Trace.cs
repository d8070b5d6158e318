using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Traces;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Microsoft.Data.Analysis;

namespace Faultrec.Analyzer.Library;

/// <summary>
/// A recording, for programs and notebooks: its metadata, the tables of `faultrec report` as data frames, and its faults.
/// Not thread-safe. Each call reads the file again, but only the columns and row groups that it needs.
/// </summary>
public sealed class Trace : IDisposable
{
    private readonly TraceReader _reader;

    private Trace(TraceReader reader) => _reader = reader;

    /// <summary>Path of the file, as it was opened.</summary>
    public string Path => _reader.Path;

    /// <summary>Everything in the trace besides its faults: command, host, kernel, regions, processes, threads, stacks (docs/format.md).</summary>
    public TraceMetadata Metadata => _reader.Metadata;

    /// <summary>What was captured, what was lost, and what the kernel counted.</summary>
    public Receipt Receipt => _reader.Metadata.Receipt;

    /// <summary>Number of faults in the file. In a sampled recording each stands for `weight` faults.</summary>
    public long RowCount => _reader.RowCount;

    /// <summary>Opens a recording.</summary>
    /// <exception cref="FaultrecException">The file is missing, not a trace, damaged, or of a newer version (<see cref="ExitCode.BadInput"/>).</exception>
    public static Trace Open(string path) => new(TraceReader.Open(path));

    /// <summary>Names of the tables that <see cref="Table"/> makes, as in `report --by`.</summary>
    public static IReadOnlyList<string> TableNames { get; } = [.. ReportTables.All.Select(table => table.Name)];

    /// <summary>A table of the report; its columns are those that docs/report.md lists for CSV, units in their names.</summary>
    /// <param name="table">One of <see cref="TableNames"/>.</param>
    /// <param name="filter">Which faults to count; null: all.</param>
    /// <param name="top">Rows to keep, 0: all.</param>
    /// <exception cref="ArgumentException">There is no table of this name.</exception>
    /// <exception cref="FaultrecException">A table of stacks was asked of a recording without them.</exception>
    public DataFrame Table(string table, FaultFilter? filter = null, int top = 0)
    {
        var definition = ReportTables.Find(table)
            ?? throw new ArgumentException($"There is no table '{table}'; there are {string.Join(", ", TableNames)}.", nameof(table));
        if (definition.NeedsStacks)
            StackText.Require(Path, Metadata);
        return definition.Build(ReportBuilder.Build(_reader, filter ?? FaultFilter.None, [definition]), top).ToFrame();
    }

    /// <summary>Selects the faults that pass a filter; null for all.</summary>
    public FaultSlice Faults(FaultFilter? filter = null) => new(_reader, filter ?? FaultFilter.None);

    /// <summary>Closes the file.</summary>
    public void Dispose() => _reader.Dispose();
}
