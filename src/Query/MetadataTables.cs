using System.Globalization;
using DuckDB.NET.Native;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Report;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Query;

/// <summary>The small tables of a query, made from the traces' metadata.</summary>
internal static class MetadataTables
{
    private static readonly Table<TraceSource> Traces = new(
        "traces",
        [
            new("path", "VARCHAR", "absolute path of the file", trace => trace.File.Path),
            new("command", "VARCHAR", "recorded command, its words separated by spaces; empty: a running target",
                trace => string.Join(' ', trace.Metadata.Command)),
            new("target", "VARCHAR", "what was recorded: command, pid 1234, all", trace => trace.Metadata.Target),
            new("kernel", "VARCHAR", "uname -r", trace => trace.Metadata.Kernel),
            new("arch", "VARCHAR", "uname -m", trace => trace.Metadata.Arch),
            new("page_size", "INTEGER", "bytes", trace => (long)trace.Metadata.PageSize),
            new("backend", "VARCHAR", "the probes that recorded", trace => trace.Metadata.Backend.Name),
            new("started_at", "TIMESTAMP", "UTC",
                trace => trace.Metadata.StartedAt.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture)),
            new("duration_ns", "BIGINT", "length of the recording", trace => trace.Metadata.DurationNs),
            new("rows", "BIGINT", "rows in the file", trace => trace.Rows),
            .. Receipt.Counters.Where(counter => counter.QueryMeaning is not null)
                .Select(counter => new Column<TraceSource>(counter.Name, "BIGINT", counter.QueryMeaning!, trace => counter.Of(trace.Metadata.Receipt))),
            new("complete", "BOOLEAN", "nothing was lost and no counter contradicts the rows", trace => ReceiptText.IsComplete(trace.Metadata.Receipt)),
            new("receipt", "VARCHAR", "the capture receipt in words, as report has it", trace => ReceiptText.Describe(trace.Metadata.Receipt)),
            new("schema_version", "INTEGER", "of the file", trace => (long)trace.Metadata.SchemaVersion),
            new("tool_version", "VARCHAR", "faultrec that wrote it", trace => trace.Metadata.ToolVersion),
        ],
        trace => [trace]);

    private static readonly Table<Region> Regions = new(
        "regions",
        [
            new("region_id", "INTEGER", "region_id of faults", region => (long)region.Id),
            new("pid", "INTEGER", "process", region => (long)region.Pid),
            new("name", "VARCHAR", "[heap], [stack], [anon], a path", region => region.Name),
            new("kind", "VARCHAR", "file, heap, stack, anon, special", RegionNames.KindOf),
            new("path", "VARCHAR", "mapped file; NULL: anonymous", region => region.Path),
            new("prot", "VARCHAR", "as in /proc/PID/maps: rw-p", region => region.Prot),
            new("start_address", "BIGINT", "byte; bits of an unsigned number", region => (long)region.Start),
            new("end_address", "BIGINT", "byte, exclusive; bits of an unsigned number", region => (long)region.End),
            new("pages", "BIGINT", "size in pages of the recorded machine", null,
                (region, trace) => (long)((region.End - region.Start) / (ulong)trace.Metadata.PageSize)),
            new("file_offset", "UBIGINT", "byte offset in the file of start_address", region => region.FileOffset.ToString(CultureInfo.InvariantCulture)),
            new("inode", "UBIGINT", "of the file; 0: anonymous", region => region.Inode.ToString(CultureInfo.InvariantCulture)),
            new("device", "VARCHAR", "major:minor, hex; NULL: anonymous", region => region.Device),
            new("build_id", "VARCHAR", "of the file; NULL: none, or not read", region => region.BuildId),
            new("born_ns", "BIGINT", "NULL: was there before the recording", region => region.BornNs),
            new("died_ns", "BIGINT", "NULL: was there at its end", region => region.DiedNs),
            new("mapper_stack_id", "INTEGER", "stack that made all of it, stack_id of stacks; NULL: not known, or several did",
                region => (long?)region.MapperStack),
        ],
        trace => trace.Metadata.Regions);

    private static readonly Table<ProcessEntry> Processes = new(
        "processes",
        [
            new("pid", "INTEGER", "process id", process => (long)process.Pid),
            new("parent_pid", "INTEGER", "NULL: not known", process => (long?)process.ParentPid),
            new("comm", "VARCHAR", "last name of the main thread", process => process.Comm),
            new("started_ns", "BIGINT", "NULL: was there before the recording", process => process.StartedNs),
            new("exited_ns", "BIGINT", "NULL: outlived the recording", process => process.ExitedNs),
            new("exit_signal", "INTEGER", "signal that ended it, 0: none; NULL: not known", process => (long?)process.ExitSignal),
            new("fatal_fault_ns", "BIGINT", "time_ns of the failed fault that ended it; NULL: none did", process => process.FatalFaultNs),
            new("fatal_file_bytes", "BIGINT", "size of the file in which SIGBUS ended it; NULL: not known", process => process.FatalFileBytes),
        ],
        trace => trace.Metadata.Processes);

    private static readonly Table<ThreadEntry> Threads = new(
        "threads",
        [
            new("pid", "INTEGER", "process id", thread => (long)thread.Pid),
            new("tid", "INTEGER", "thread id", thread => (long)thread.Tid),
            new("comm", "VARCHAR", "last name", thread => thread.Comm),
            new("started_ns", "BIGINT", "NULL: was there before the recording", thread => thread.StartedNs),
            new("exited_ns", "BIGINT", "NULL: outlived the recording", thread => thread.ExitedNs),
        ],
        trace => trace.Metadata.Threads);

    /// <summary>Of all of them, in order.</summary>
    public static IEnumerable<ViewColumn> Columns => [.. Regions.Columns, .. Processes.Columns, .. Threads.Columns, .. Traces.Columns];

    public static void Create(DuckDbSession session, IReadOnlyList<TraceSource> traces)
    {
        Regions.Create(session, traces);
        Processes.Create(session, traces);
        Threads.Create(session, traces);
        Traces.Create(session, traces);
    }

    /// <param name="Value">Text or a 64-bit integer, which DuckDB converts to the type.</param>
    /// <param name="OfTrace">Used instead, if the value depends on the trace.</param>
    private sealed record Column<T>(string Name, string Type, string Meaning, Func<T, object?>? Value, Func<T, TraceSource, object?>? OfTrace = null);

    private sealed class Table<T>(string name, IReadOnlyList<Column<T>> columns, Func<TraceSource, IReadOnlyList<T>> rows)
    {
        public IEnumerable<ViewColumn> Columns
            => ViewColumn.Origin(name).Concat(columns.Select(column => new ViewColumn(name, column.Name, column.Type, column.Meaning)));

        public void Create(DuckDbSession session, IReadOnlyList<TraceSource> traces)
        {
            session.Execute($"CREATE TABLE {name} ({string.Join(", ", Columns.Select(column => $"{Sql.Name(column.Name)} {column.Type}"))})");
            NativeMethods.Appender.DuckDBAppenderCreate(session.Connection, "main", name, out var appender);
            using (appender)
            {
                foreach (var trace in traces)
                {
                    foreach (var row in rows(trace))
                    {
                        Append(appender, trace.File.Name);
                        Append(appender, trace.Host);
                        Append(appender, trace.Date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture));
                        foreach (var column in columns)
                            Append(appender, column.OfTrace is { } value ? value(row, trace) : column.Value!(row));
                        Check(NativeMethods.Appender.DuckDBAppenderEndRow(appender));
                    }
                }

                Check(NativeMethods.Appender.DuckDBAppenderClose(appender));
            }
        }

        private static void Append(DuckDBAppender appender, object? value) => Check(value switch
        {
            null => NativeMethods.Appender.DuckDBAppendNull(appender),
            long number => NativeMethods.Appender.DuckDBAppendInt64(appender, number),
            bool truth => NativeMethods.Appender.DuckDBAppendBool(appender, truth),
            string text => NativeMethods.Appender.DuckDBAppendVarchar(appender, text),
            _ => throw new InvalidOperationException($"no column holds {value.GetType()}"),
        });

        private static void Check(DuckDBState state)
        {
            if (state != DuckDBState.Success)
            {
                throw new FaultrecException(ExitCode.NotPermitted,
                    "the traces' regions, processes and threads do not fit in --memory; give it more, or name fewer traces");
            }
        }
    }
}
