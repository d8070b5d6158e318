using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Parquet;
using Parquet.Meta;

namespace Faultrec.Traces;

/// <summary>Decides whether a file is a trace that can be read, before anything in it is believed.</summary>
internal static class TraceOpener
{
    private const string NotParquet = "give a trace written by `faultrec record`";
    private const string Damaged = "copy the file again or record again";

    // A trace rewritten by another program may have larger row groups than ours; readers allocate by this.
    private const int MaxRowGroupRows = 2_097_152;

    // Magic, an empty footer, its length, magic.
    private const int MinFileSize = 13;
    private const int MaxFooterSize = 512 * 1024 * 1024;
    private const int MaxChunkSize = 1 << 30;
    private const int TailSize = 8;

    private static ReadOnlySpan<byte> Magic => "PAR1"u8;

    public static TraceReader Open(string path)
    {
        var input = OpenFile(path);
        try
        {
            return Open(path, input);
        }
        catch (FaultrecException)
        {
            input.Dispose();
            throw;
        }
        catch (Exception e)
        {
            input.Dispose();
            throw BadInput(path, e is MetadataException ? Printable(e.Message) : "its footer is damaged", Damaged, e);
        }
    }

    public static FaultrecException BadInput(string path, string found, string remedy, Exception? inner = null)
        => new(ExitCode.BadInput, $"{Printable(path)}: {found}: {remedy}", inner);

    /// <summary>Names from files and command lines can hold escape sequences; in a message they must do nothing.</summary>
    public static string Printable(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (char c in text)
            result.Append(char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format ? '?' : c);
        return result.ToString();
    }

    /// <summary>Byte range of a column chunk, dictionary page included.</summary>
    public static (long Start, int Length) Extent(ColumnMetaData metadata)
    {
        long start = metadata.DataPageOffset;
        if (metadata.DictionaryPageOffset is > 0 and { } dictionary)
            start = Math.Min(start, dictionary);
        return (start, checked((int)metadata.TotalCompressedSize));
    }

    public static RowGroupInfo Describe(RowGroup group)
    {
        var time = StatisticsOf("time_ns");
        var pid = StatisticsOf("pid");
        var region = StatisticsOf("region_id");
        return new RowGroupInfo(
            checked((int)group.NumRows),
            Int64(time?.MinValue), Int64(time?.MaxValue),
            Int32(pid?.MinValue), Int32(pid?.MaxValue),
            Int32(region?.MinValue), Int32(region?.MaxValue));

        Statistics? StatisticsOf(string name)
            => group.Columns.Find(chunk => chunk.MetaData!.PathInSchema[0] == name)?.MetaData!.Statistics;

        static long? Int64(byte[]? value) => value?.Length == sizeof(long) ? BinaryPrimitives.ReadInt64LittleEndian(value) : null;

        static int? Int32(byte[]? value) => value?.Length == sizeof(int) ? BinaryPrimitives.ReadInt32LittleEndian(value) : null;
    }

    /// <summary>
    /// A footer of 400 row groups is 17 MB of small objects as the library makes it, and every collection of garbage walks over
    /// them: drops what nobody reads again, and has row groups share what is the same in all of them.
    /// </summary>
    public static void KeepWhatReadingNeeds(FileMetaData file)
    {
        foreach (var group in file.RowGroups)
        {
            for (int i = 0; i < group.Columns.Count; i++)
            {
                if (group.Columns[i].MetaData is not { } metadata)
                    continue;
                metadata.EncodingStats = null;
                metadata.SizeStatistics = null;
                metadata.KeyValueMetadata = null;
                if (metadata.Statistics is { } statistics)
                    KeepOnlyValue(statistics);
                if (file.RowGroups[0].Columns.ElementAtOrDefault(i)?.MetaData is not { } first || !metadata.PathInSchema.SequenceEqual(first.PathInSchema))
                    continue;
                metadata.PathInSchema = first.PathInSchema;
                metadata.Encodings = first.Encodings;
            }
        }
    }

    /// <summary>Leaves a minimum only where every value that is not null is the same, to be read instead of the column; other bounds were for <see cref="RowGroupInfo"/>.</summary>
    private static void KeepOnlyValue(Statistics statistics)
    {
        bool isOne = statistics is { MinValue: { } min, MaxValue: { } max, IsMinValueExact: not false, IsMaxValueExact: not false } && min.AsSpan().SequenceEqual(max);
        statistics.MinValue = isOne ? statistics.MinValue : null;
        statistics.MaxValue = statistics.Min = statistics.Max = null;
    }

    private static TraceInput OpenFile(string path)
    {
        if (Directory.Exists(path))
            throw BadInput(path, "is a directory", "give the trace file in it");
        SafeFileHandle? file = null;
        try
        {
            file = File.OpenHandle(path);
            return new TraceInput(file);
        }
        catch (NotSupportedException e) when (file is not null)
        {
            file.Dispose();
            throw BadInput(path, "is not a regular file", "write the trace to a file first, it cannot be read from a pipe", e);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw BadInput(path, "no such file", "check the name, or make one with `faultrec record`", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw BadInput(path, "permission denied", "make the file readable for this user", e);
        }
        catch (Exception e) when (e is IOException or ArgumentException or NotSupportedException)
        {
            throw BadInput(path, $"cannot be opened ({Printable(e.Message)})", "check the name and the disk", e);
        }
    }

    private static TraceReader Open(string path, TraceInput input)
    {
        long footerStart = CheckFrame(path, input, out var scan);
        int columns = CheckSchema(path, scan, CheckVersion(path, scan));
        var metadata = MetadataJson.Read(scan.KeyValues);
        var checksums = MetadataJson.ReadChecksums(scan.KeyValues);

        var parquet = ParquetReader.CreateAsync(input, leaveStreamOpen: true).GetAwaiter().GetResult();
        input.WholeFile = false;
        CheckRowGroups(path, parquet.Metadata!, checksums, columns, footerStart);
        return new TraceReader(path, input, parquet, metadata, checksums);
    }

    /// <summary>Magic at both ends, the footer between, the guard before it.</summary>
    /// <returns>Where the footer starts.</returns>
    private static long CheckFrame(string path, TraceInput input, out FooterScan scan)
    {
        if (input.Length == 0)
            throw BadInput(path, "is empty", NotParquet);
        input.Load(0, (int)Math.Min(Magic.Length, input.Length));
        if (!input.Window.SequenceEqual(Magic))
            throw BadInput(path, $"is not a Parquet file (starts with {Hex(input.Window)}, not PAR1)", NotParquet);
        if (input.Length < MinFileSize)
            throw Unfinished(path);

        input.Load(input.Length - TailSize, TailSize);
        int footerLength = BinaryPrimitives.ReadInt32LittleEndian(input.Window);
        if (!input.Window[4..].SequenceEqual(Magic))
            throw Unfinished(path);
        long footerStart = input.Length - TailSize - footerLength;
        if (footerLength <= 0 || footerLength > MaxFooterSize || footerStart < Magic.Length)
            throw BadInput(path, $"claims a footer of {(uint)footerLength} bytes in a file of {input.Length}", Damaged);

        int guardLength = (int)Math.Min(FooterGuard.Size, footerStart);
        input.Load(footerStart - guardLength, guardLength + footerLength);
        var footer = input.Window[guardLength..];
        if (FooterGuard.Check(input.Window[..guardLength], footer) == false)
            throw BadInput(path, "its footer is damaged (its checksum is wrong)", Damaged);
        try
        {
            scan = FooterScan.Run(footer);
        }
        catch (FormatException e)
        {
            throw BadInput(path, $"its footer is damaged ({e.Message})", Damaged, e);
        }
        return footerStart;
    }

    private static FaultrecException Unfinished(string path)
        => BadInput(path, "starts like a Parquet file but has no footer", "it was cut short; copy it again, or `faultrec recover` its spool");

    private static int CheckVersion(string path, FooterScan scan)
    {
        int? version = MetadataJson.ReadVersion(scan.KeyValues);
        if (version is null)
            throw BadInput(path, $"is a Parquet file but not a faultrec trace (no {MetadataJson.VersionKey} in its metadata)", NotParquet);
        if (version > TraceSchema.NewestVersion)
            throw BadInput(path, $"schema version {version} is newer than this faultrec reads ({TraceSchema.NewestVersion})", "update faultrec");
        if (version < 1)
            throw BadInput(path, $"schema version {version} does not exist", Damaged);
        return version.Value;
    }

    /// <summary>The columns of <see cref="TraceSchema"/>, flat and in order; the newest may be absent, and more may follow.</summary>
    /// <returns>How many of them the file has.</returns>
    private static int CheckSchema(string path, FooterScan scan, int version)
    {
        if (scan.HasUnknownFields)
            throw BadInput(path, "its footer has fields that faultrec does not know", "use the file that `faultrec record` wrote");
        var expected = TraceSchema.ColumnsOf(version);
        int found = scan.Schema.Count - 1;
        if (found < TraceSchema.OldestColumnCount || scan.Schema[0].Children != found || scan.Schema.Skip(1).Any(column => column.Children is > 0))
            throw BadInput(path, $"has {Math.Max(found, 0)} columns where a trace has {TraceSchema.OldestColumnCount} or more", "use the file that `faultrec record` wrote");
        int known = Math.Min(found, expected.Count);
        for (int i = 0; i < known; i++)
        {
            var column = scan.Schema[i + 1];
            if (column.Name != expected[i].Name || column.PhysicalType != PhysicalType(expected[i].Type)
                || column.ConvertedType != ConvertedType(expected[i].Type) || column.Repetition != (expected[i].Nullable ? 1 : 0))
            {
                string difference = $"column {i + 1} is {Printable(column.Name)}, or of another type, where a trace has {expected[i].Name}";
                throw BadInput(path, difference, "use the file that `faultrec record` wrote");
            }
        }
        return known;
    }

    private static int PhysicalType(System.Type type)
        => (int)(type == typeof(bool) ? Parquet.Meta.Type.BOOLEAN
            : type == typeof(long) ? Parquet.Meta.Type.INT64
            : type == typeof(string) ? Parquet.Meta.Type.BYTE_ARRAY
            : Parquet.Meta.Type.INT32);

    private static int? ConvertedType(System.Type type)
        => type == typeof(bool) ? null
            : (int)(type == typeof(long) ? Parquet.Meta.ConvertedType.INT_64
                : type == typeof(int) ? Parquet.Meta.ConvertedType.INT_32
                : type == typeof(sbyte) ? Parquet.Meta.ConvertedType.INT_8
                : Parquet.Meta.ConvertedType.UTF8);

    /// <summary>Every size and position that reading will trust.</summary>
    private static void CheckRowGroups(string path, FileMetaData file, IReadOnlyList<uint[]>? checksums, int columns, long footerStart)
    {
        if (checksums is not null && checksums.Count != file.RowGroups.Count)
            throw BadInput(path, $"has {file.RowGroups.Count} row groups and checksums of {checksums.Count}", Damaged);
        long rows = 0;
        for (int i = 0; i < file.RowGroups.Count; i++)
        {
            var group = file.RowGroups[i];
            if (group.NumRows is < 0 or > MaxRowGroupRows)
                throw BadInput(path, $"row group {i} claims {group.NumRows} rows, more than {MaxRowGroupRows}", Damaged);
            if (group.Columns.Count < columns || checksums?[i].Length < columns)
                throw BadInput(path, $"row group {i} has {group.Columns.Count} columns", Damaged);
            for (int c = 0; c < columns; c++)
                CheckChunk(path, i, group, c, footerStart);
            rows += group.NumRows;
        }
        if (rows != file.NumRows)
            throw BadInput(path, $"claims {file.NumRows} rows but its row groups have {rows}", Damaged);
    }

    private static void CheckChunk(string path, int groupIndex, RowGroup group, int columnIndex, long footerStart)
    {
        var metadata = group.Columns[columnIndex].MetaData;
        string name = TraceSchema.Columns[columnIndex].Name;
        if (metadata is null || metadata.PathInSchema.Count != 1 || metadata.PathInSchema[0] != name)
            throw BadInput(path, $"row group {groupIndex} lacks column {name}", Damaged);
        long size = metadata.TotalCompressedSize;
        long start = size is > 0 and <= MaxChunkSize ? Extent(metadata).Start : -1;
        if (start < Magic.Length || start > footerStart - size || metadata.NumValues != group.NumRows
            || metadata.TotalUncompressedSize is < 0 or > MaxChunkSize)
        {
            throw BadInput(path, $"row group {groupIndex}, column {name} has an impossible position or size", Damaged);
        }
    }

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);
}
