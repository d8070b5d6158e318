using System.IO.Compression;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;
using Parquet;

namespace Faultrec.Traces.Files;

/// <summary>
/// Writes one trace file. The file has no footer, so is no trace, until <see cref="Complete"/> returned. An exception of the
/// output stream (a full disk) passes through unchanged and leaves the writer unusable.
/// </summary>
public sealed class TraceWriter : IDisposable
{
    private static readonly ReadOnlyMemory<char>[] _accessNames = ["read".AsMemory(), "write".AsMemory(), "exec".AsMemory()];

    /// <summary>Longer than any name or stack of a kernel's; readers refuse a text of a million bytes.</summary>
    private const int MostTextCharacters = 1 << 17;

    private readonly TraceOutput _output;
    private readonly IReadOnlyList<TraceColumn> _columns;
    private readonly bool _knowsMajor;
    private readonly ParquetOptions _options;
    private readonly ParquetWriter _writer;
    private readonly List<uint[]> _checksums = [];
    private ParquetRowGroupWriter? _group;
    private bool _finished;

    // Reused by every row group: definition levels (1 = has a value), values without the nulls, text.
    private int[] _present = [];
    private int[] _absent = [];
    private int[] _levels = [];
    private int[] _ints = [];
    private long[] _longs = [];
    private sbyte[] _bytes = [];
    private ReadOnlyMemory<char>[] _texts = [];

    /// <param name="output">Writable and seekable or not; left open.</param>
    /// <param name="knowsMajor">False: <see cref="FaultBatch.Major"/> is not looked at, and the file's version says so.</param>
    public TraceWriter(Stream output, bool knowsMajor = true)
    {
        _knowsMajor = knowsMajor;
        int version = knowsMajor ? TraceSchema.Version : TraceSchema.VersionWithoutMajor;
        _columns = TraceSchema.ColumnsOf(version);
        _output = new TraceOutput(output);
        _options = new ParquetOptions { CompressionLevel = CompressionLevel.Fastest };
        foreach (var column in _columns)
            _options.ColumnEncodingHints[column.Name] = column.Encoding;
        _writer = Wait(ParquetWriter.CreateAsync(TraceSchema.ParquetOf(version), _output, _options));
        _output.TakeChecksum();
    }

    /// <summary>Appends the batch as one row group, or nothing if it is empty. Rows must be ordered by time across calls.</summary>
    public void WriteRowGroup(FaultBatch batch)
    {
        if (_finished || _group is not null)
            throw new InvalidOperationException("This writer was completed, or failed before.");
        if (batch.Count == 0)
            return;
        Reserve(batch.Count);

        // Not disposed on failure: a half-written row group must stay visible as _group, so that Complete refuses.
        _group = _writer.CreateRowGroup();
        var checksums = new uint[_columns.Count];
        for (int i = 0; i < checksums.Length; i++)
        {
            WriteColumn(_columns[i], batch);
            checksums[i] = _output.TakeChecksum();
        }
        _group.CompleteValidate();
        _group.Dispose();
        _group = null;
        _checksums.Add(checksums);
    }

    /// <summary>Writes metadata and footer, and flushes the output.</summary>
    public void Complete(TraceMetadata metadata)
    {
        if (_finished || _group is not null)
            throw new InvalidOperationException("This writer was completed, or failed before.");
        _finished = true;
        var values = MetadataJson.Write(_knowsMajor ? metadata : metadata with { SchemaVersion = TraceSchema.VersionWithoutMajor });
        values[MetadataJson.ChecksumsKey] = MetadataJson.WriteChecksums(_checksums);
        _writer.CustomMetadata = values;
        _output.BeginFooter();
        var written = _writer.DisposeAsync();
        written.GetAwaiter().GetResult();
        _output.EndFooter();
    }

    /// <summary>Without <see cref="Complete"/> before it, leaves the output without a footer.</summary>
    public void Dispose() => _finished = true;

    private void WriteColumn(TraceColumn column, FaultBatch batch)
    {
        int count = batch.Count;
        switch (column.Flag)
        {
            case FaultColumns.TimeNs: WriteAll(column, batch.TimeNs, count); break;
            case FaultColumns.DurationNs: WriteNullable(column, batch.DurationNs, count, FaultBatch.Null, _longs); break;
            case FaultColumns.Pid: WriteAll(column, batch.Pid, count); break;
            case FaultColumns.Tid: WriteAll(column, batch.Tid, count); break;
            case FaultColumns.Cpu: WriteAll(column, batch.Cpu, count); break;
            case FaultColumns.Comm: WriteText(column, batch.Comm, count); break;
            case FaultColumns.Address: WriteAll(column, batch.Address, count); break;
            case FaultColumns.Ip: WriteAll(column, batch.Ip, count); break;
            case FaultColumns.Major when !_knowsMajor: WriteNothing<bool>(column, count); break;
            case FaultColumns.Major: WriteAll(column, batch.Major, count); break;
            case FaultColumns.Access: WriteAccess(column, batch.Access, count); break;
            case FaultColumns.KernelAccess: WriteAll(column, batch.KernelAccess, count); break;
            case FaultColumns.ErrorCode: WriteNullable(column, batch.ErrorCode, count, FaultBatch.Null, _ints); break;
            case FaultColumns.FaultFlags: WriteNullable(column, batch.FaultFlags, count, FaultBatch.Null, _ints); break;
            case FaultColumns.FaultResult: WriteNullable(column, batch.FaultResult, count, FaultBatch.Null, _ints); break;
            case FaultColumns.Signal: WriteNullable(column, batch.Signal, count, FaultBatch.Null, _ints); break;
            case FaultColumns.PtLevel: WriteNullable(column, batch.PtLevel, count, (sbyte)FaultBatch.Null, _bytes); break;
            case FaultColumns.PteBefore: WriteNullable(column, batch.PteBefore, count, FaultBatch.NullPte, _longs); break;
            case FaultColumns.Pfn: WriteNullable(column, batch.Pfn, count, FaultBatch.Null, _longs); break;
            case FaultColumns.PageOrder: WriteNullable(column, batch.PageOrder, count, (sbyte)FaultBatch.Null, _bytes); break;
            case FaultColumns.RegionId: WriteAll(column, batch.RegionId, count); break;
            case FaultColumns.Region: WriteText(column, batch.Region, count); break;
            case FaultColumns.FilePage: WriteNullable(column, batch.FilePage, count, FaultBatch.Null, _longs); break;
            case FaultColumns.Stack: WriteNullableText(column, batch.Stack, count); break;
            case FaultColumns.Gup: WriteAll(column, batch.Gup, count); break;
            case FaultColumns.Handler: WriteNullableText(column, batch.Handler, count); break;
            case FaultColumns.VmfAddress: WriteNullable(column, batch.VmfAddress, count, FaultBatch.Null, _longs); break;
            case FaultColumns.VmfPgoff: WriteNullable(column, batch.VmfPgoff, count, FaultBatch.Null, _longs); break;
            case FaultColumns.Weight: WriteAll(column, batch.Weight, count); break;
            case FaultColumns.Grew: WriteAll(column, batch.Grew, count); break;
            case FaultColumns.ReclaimNs: WriteNullable(column, batch.ReclaimNs, count, FaultBatch.Null, _longs); break;
            case FaultColumns.CompactionNs: WriteNullable(column, batch.CompactionNs, count, FaultBatch.Null, _longs); break;
            case FaultColumns.IoWaitNs: WriteNullable(column, batch.IoWaitNs, count, FaultBatch.Null, _longs); break;
            case FaultColumns.LockWaitNs: WriteNullable(column, batch.LockWaitNs, count, FaultBatch.Null, _longs); break;
            case FaultColumns.OffCpuNs: WriteNullable(column, batch.OffCpuNs, count, FaultBatch.Null, _longs); break;
            case FaultColumns.ZeroingNs: WriteNullable(column, batch.ZeroingNs, count, FaultBatch.Null, _longs); break;
            case FaultColumns.SlabFast: WriteNullable(column, batch.SlabFast, count, FaultBatch.Null, _ints); break;
            case FaultColumns.SlabSheaf: WriteNullable(column, batch.SlabSheaf, count, FaultBatch.Null, _ints); break;
            case FaultColumns.SlabLocal: WriteNullable(column, batch.SlabLocal, count, FaultBatch.Null, _ints); break;
            case FaultColumns.SlabPartial: WriteNullable(column, batch.SlabPartial, count, FaultBatch.Null, _ints); break;
            case FaultColumns.SlabRemote: WriteNullable(column, batch.SlabRemote, count, FaultBatch.Null, _ints); break;
            case FaultColumns.SlabBuddy: WriteNullable(column, batch.SlabBuddy, count, FaultBatch.Null, _ints); break;
            case FaultColumns.BuddyPages: WriteNullable(column, batch.BuddyPages, count, FaultBatch.Null, _ints); break;
            case FaultColumns.StackId: WriteNullable(column, batch.StackId, count, FaultBatch.Null, _ints); break;
            case FaultColumns.MapperStackId: WriteNullable(column, batch.MapperStackId, count, FaultBatch.Null, _ints); break;
            case FaultColumns.Merged: WriteAll(column, batch.Merged, count); break;
            default: throw new InvalidOperationException($"column {column.Name} has no writer");
        }
    }

    private void WriteAll<T>(TraceColumn column, T[] values, int count)
        where T : struct
        => Write(column, values, count, null, count);

    private void WriteNullable<T>(TraceColumn column, T[] values, int count, T nothing, T[] scratch)
        where T : struct, IEquatable<T>
    {
        var all = values.AsSpan(0, count);
        int firstNull = all.IndexOf(nothing);
        if (firstNull < 0)
        {
            Write(column, values, count, _present, count);
            return;
        }
        if (firstNull == 0 && all.IndexOfAnyExcept(nothing) < 0)
        {
            WriteNothing<T>(column, count);
            return;
        }
        int kept = 0;
        for (int i = 0; i < all.Length; i++)
        {
            bool present = !all[i].Equals(nothing);
            scratch[kept] = all[i];
            kept += present ? 1 : 0;
            _levels[i] = present ? 1 : 0;
        }
        Write(column, scratch, kept, _levels, count);
    }

    private void WriteText(TraceColumn column, string[] values, int count)
    {
        for (int i = 0; i < count; i++)
            _texts[i] = Cut(values[i]);
        Write(column, _texts, count, null, count);
    }

    private void WriteNullableText(TraceColumn column, string?[] values, int count)
    {
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            string? text = values[i];
            _levels[i] = text is null ? 0 : 1;
            if (text is not null)
                _texts[kept++] = Cut(text);
        }
        if (kept == 0)
            WriteNothing<ReadOnlyMemory<char>>(column, count);
        else
            Write(column, _texts, kept, _levels, count);
    }

    private static ReadOnlyMemory<char> Cut(string text) => text.AsMemory(0, Math.Min(text.Length, MostTextCharacters));

    private void WriteAccess(TraceColumn column, FaultAccess[] values, int count)
    {
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            bool known = values[i] != FaultAccess.Unknown;
            _levels[i] = known ? 1 : 0;
            if (known)
                _texts[kept++] = _accessNames[(int)values[i]];
        }
        if (kept == 0)
            WriteNothing<ReadOnlyMemory<char>>(column, count);
        else
            Write(column, _texts, kept, _levels, count);
    }

    // 1 ns a row and under 100 bytes in all; a codec would cost more than it could save.
    private void WriteNothing<T>(TraceColumn column, int rows)
        where T : struct
        => Write<T>(column with { Codec = CompressionMethod.None }, [], 0, _absent, rows);

    /// <param name="count">Values that are not null, at the start of <paramref name="values"/>.</param>
    /// <param name="levels">A row's definition level (1 = has a value); null for a column that has no nulls by schema.</param>
    private void Write<T>(TraceColumn column, T[] values, int count, int[]? levels, int rows)
        where T : struct
    {
        _options.CompressionMethod = column.Codec;
        // Without the cast, null would become an empty memory through the conversion from arrays.
        var definitionLevels = levels is null ? (ReadOnlyMemory<int>?)null : levels.AsMemory(0, rows);
        Wait(_group!.WriteAllPartsAsync<T>(
            column.Field, values.AsMemory(0, count), definitionLevels, null, CancellationToken.None));
        if (values is ReadOnlyMemory<char>[] texts)
            TextStatistics.KeepOfOneText(_group, texts.AsSpan(0, count));
    }

    private void Reserve(int count)
    {
        if (_present.Length >= count)
            return;
        _present = new int[count];
        _present.AsSpan().Fill(1);
        _absent = new int[count];
        _levels = new int[count];
        _ints = new int[count];
        _longs = new long[count];
        _bytes = new sbyte[count];
        _texts = new ReadOnlyMemory<char>[count];
    }

    // Every stream below completes synchronously, so these never block.
    private static void Wait(Task task) => task.GetAwaiter().GetResult();

    private static T Wait<T>(Task<T> task) => task.GetAwaiter().GetResult();
}
