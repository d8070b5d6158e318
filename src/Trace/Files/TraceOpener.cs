using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;
using Faultrec.Traces.Native;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Traces.Files;

/// <summary>Decides whether a file is a trace that can be read, before anything in it is believed.</summary>
internal static class TraceOpener
{
    private const string NotParquet = "give a trace written by `faultrec record`";
    private const string Damaged = "copy the file again or record again";

    // A trace rewritten by another program may have larger row groups than ours; readers allocate by this.
    private const int MaxRowGroupRows = 1_048_576;

    // Magic, an empty footer, its length, magic.
    private const int MinFileSize = 13;
    private const int MaxFooterSize = 256 * 1024 * 1024;
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
        foreach (var c in text)
            result.Append(char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.Format ? '?' : c);
        return result.ToString();
    }

    private static TraceInput OpenFile(string path)
    {
        if (Directory.Exists(path))
            throw BadInput(path, "is a directory", "give the trace file in it");
        SafeFileHandle? file = null;
        try
        {
            file = RegularFile.Open(path);
            return new TraceInput(file);
        }
        catch (NotSupportedException e)
        {
            file?.Dispose();
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
        catch (Exception e) when (e is IOException or ArgumentException)
        {
            throw BadInput(path, $"cannot be opened ({Printable(e.Message)})", "check the name and the disk", e);
        }
    }

    /// <summary>Any Parquet file's.</summary>
    /// <param name="start">Where the footer starts.</param>
    public static Footer ReadFooter(string path, TraceInput input, out long start)
    {
        start = CheckFrame(path, input, out var footer);
        return footer;
    }

    private static TraceReader Open(string path, TraceInput input)
    {
        var footer = ReadFooter(path, input, out var footerStart);
        var columns = CheckSchema(path, footer, CheckVersion(path, footer));
        var metadata = MetadataJson.Read(footer.KeyValues);
        var checksums = MetadataKeys.Checksums.Read(footer.KeyValues);
        CheckRowGroups(path, footer, checksums, columns, footerStart);
        return new TraceReader(path, input, footer.RowGroups, columns, metadata, checksums);
    }

    /// <summary>Magic at both ends, the footer between, the guard before it.</summary>
    /// <returns>Where the footer starts.</returns>
    private static long CheckFrame(string path, TraceInput input, out Footer footer)
    {
        if (input.Length == 0)
            throw BadInput(path, "is empty", NotParquet);
        input.Load(0, (int)Math.Min(Magic.Length, input.Length));
        if (!input.Window.SequenceEqual(Magic))
            throw BadInput(path, $"is not a Parquet file (starts with {Hex(input.Window)}, not PAR1)", NotParquet);
        if (input.Length < MinFileSize)
            throw Unfinished(path);

        input.Load(input.Length - TailSize, TailSize);
        var footerLength = BinaryPrimitives.ReadInt32LittleEndian(input.Window);
        if (!input.Window[4..].SequenceEqual(Magic))
            throw Unfinished(path);
        var footerStart = input.Length - TailSize - footerLength;
        if (footerLength <= 0 || footerLength > MaxFooterSize || footerStart < Magic.Length)
            throw BadInput(path, $"claims a footer of {(uint)footerLength} bytes in a file of {input.Length}", Damaged);

        var guardLength = (int)Math.Min(FooterGuard.Size, footerStart);
        input.Load(footerStart - guardLength, guardLength + footerLength);
        if (FooterGuard.Check(input.Window[..guardLength], input.Window[guardLength..]) == false)
            throw BadInput(path, "its footer is damaged (its checksum is wrong)", Damaged);
        try
        {
            footer = Footer.Parse(input.Window[guardLength..], input.Length);
            input.Forget();
        }
        catch (FormatException e)
        {
            throw BadInput(path, $"its footer is damaged ({e.Message})", Damaged, e);
        }

        return footerStart;
    }

    private static FaultrecException Unfinished(string path)
        => BadInput(path, "starts like a Parquet file but has no footer", "it was cut short; copy it again, or `faultrec recover` its spool");

    private static int CheckVersion(string path, Footer footer)
    {
        var version = MetadataJson.ReadVersion(footer.KeyValues);
        if (version is null)
            throw BadInput(path, $"is a Parquet file but not a faultrec trace (no {MetadataKeys.SchemaVersion.FullName} in its metadata)", NotParquet);
        if (version > TraceSchema.NewestVersion)
            throw BadInput(path, $"schema version {version} is newer than this faultrec reads ({TraceSchema.NewestVersion})", "update faultrec");
        if (version < 1)
            throw BadInput(path, $"schema version {version} does not exist", Damaged);
        return version.Value;
    }

    /// <summary>The columns of <see cref="TraceSchema"/>, flat and in order; the newest may be absent, and more may follow.</summary>
    /// <returns>How many of them the file has.</returns>
    private static int CheckSchema(string path, Footer footer, int version)
    {
        var expected = TraceSchema.Columns;
        var found = footer.Schema.Count - 1;
        if (found < TraceSchema.OldestColumnCount || footer.Schema[0].Children != found || footer.Schema.Skip(1).Any(column => column.Children is > 0))
        {
            throw BadInput(path, $"has {Math.Max(found, 0)} columns where a trace has {TraceSchema.OldestColumnCount} or more",
                "use the file that `faultrec record` wrote");
        }

        var known = Math.Min(found, expected.Count);
        for (var i = 0; i < known; i++)
        {
            var column = footer.Schema[i + 1];
            if (column.Name != expected[i].Name || column.PhysicalType != PhysicalType(expected[i].Type)
                || column.ConvertedType != ConvertedType(expected[i].Type) || column.Repetition != (expected[i].IsNullableIn(version) ? 1 : 0))
            {
                var difference = $"column {i + 1} is {Printable(column.Name)}, or of another type, where a trace has {expected[i].Name}";
                throw BadInput(path, difference, "use the file that `faultrec record` wrote");
            }
        }

        return known;
    }

    // parquet.thrift: BOOLEAN, INT32, INT64, BYTE_ARRAY.
    private static int PhysicalType(Type type) => type == typeof(bool) ? 0 : type == typeof(long) ? 2 : type == typeof(string) ? 6 : 1;

    // parquet.thrift: INT_64, INT_32, INT_8, UTF8.
    private static int? ConvertedType(Type type)
        => type == typeof(bool) ? null : type == typeof(long) ? 18 : type == typeof(int) ? 17 : type == typeof(sbyte) ? 15 : 0;

    /// <summary>Every size and position that reading will trust.</summary>
    private static void CheckRowGroups(string path, Footer footer, IReadOnlyList<uint[]>? checksums, int columns, long footerStart)
    {
        if (checksums is not null && checksums.Count != footer.RowGroups.Count)
            throw BadInput(path, $"has {footer.RowGroups.Count} row groups and checksums of {checksums.Count}", Damaged);
        long rows = 0;
        for (var i = 0; i < footer.RowGroups.Count; i++)
        {
            var group = footer.RowGroups[i];
            if (group.Rows is < 0 or > MaxRowGroupRows)
                throw BadInput(path, $"row group {i} claims {group.Rows} rows, more than {MaxRowGroupRows}", Damaged);
            if (group.Chunks.Length < columns || checksums?[i].Length < columns)
                throw BadInput(path, $"row group {i} has {group.Chunks.Length} columns", Damaged);
            for (var c = 0; c < columns; c++)
                CheckChunk(path, i, group, c, footerStart);
            rows += group.Rows;
        }

        if (rows != footer.Rows)
            throw BadInput(path, $"claims {footer.Rows} rows but its row groups have {rows}", Damaged);
    }

    private static void CheckChunk(string path, int groupIndex, FooterRowGroup group, int columnIndex, long footerStart)
    {
        ref readonly var chunk = ref group.Chunks[columnIndex];
        var name = TraceSchema.Columns[columnIndex].Name;
        if (chunk.Name != name)
            throw BadInput(path, $"row group {groupIndex} lacks column {name}", Damaged);
        if (chunk.Length is <= 0 or > MaxChunkSize || chunk.Start < Magic.Length || chunk.Start > footerStart - chunk.Length || chunk.Values != group.Rows)
            throw BadInput(path, $"row group {groupIndex}, column {name} has an impossible position or size", Damaged);
    }

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes);
}
