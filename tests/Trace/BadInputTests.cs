using System.IO.Pipes;
using Faultrec.Traces;
using Faultrec.Traces.Files;
using Xunit;

namespace Faultrec.Trace.Tests;

/// <summary>What is not a trace: one line that names the file, what was found and what to do; exit code 3.</summary>
public sealed class BadInputTests
{
    private const string RecordIt = "give a trace written by `faultrec record`";
    private const string CutShort = "starts like a Parquet file but has no footer: it was cut short; copy it again, or `faultrec recover` its spool";

    [Fact]
    public void Missing()
    {
        using var file = new TempFile();
        AssertRefused(file.Path, "no such file: check the name, or make one with `faultrec record`");
    }

    [Fact]
    public void MissingFolder()
        => AssertRefused("/nonexistent/trace.parquet", "no such file: check the name, or make one with `faultrec record`");

    [Fact]
    public void Folder()
        => AssertRefused(Path.GetTempPath(), "is a directory: give the trace file in it");

    [Fact]
    public void Unreadable()
    {
        using var file = new TempFile([]);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(file.Path, UnixFileMode.None);
        var mayRead = OperatingSystem.IsWindows() || Environment.IsPrivilegedProcess;
        AssertRefused(file.Path, mayRead ? $"is empty: {RecordIt}" : "permission denied: make the file readable for this user");
    }

    [Fact]
    public void Pipe()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs /proc");
        using var pipe = new AnonymousPipeServerStream(PipeDirection.In);
        AssertRefused(
            $"/proc/self/fd/{pipe.SafePipeHandle.DangerousGetHandle()}",
            "is not a regular file: write the trace to a file first, it cannot be read from a pipe");
    }

    [Fact]
    public void Empty() => AssertContentRefused([], $"is empty: {RecordIt}");

    [Fact]
    public void Text()
        => AssertContentRefused("pid,tid,address\n1,2,3\n"u8.ToArray(), $"is not a Parquet file (starts with 7069642c, not PAR1): {RecordIt}");

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(8)]
    [InlineData(100)]
    [InlineData(100_000)]
    public void RandomBytes(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        var start = Convert.ToHexStringLower(bytes.AsSpan(0, Math.Min(4, length)));
        AssertContentRefused(bytes, $"is not a Parquet file (starts with {start}, not PAR1): {RecordIt}");
    }

    [Fact]
    public void OnlyMagic() => AssertContentRefused("PAR1PAR1"u8.ToArray(), CutShort);

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1000)]
    [InlineData(int.MaxValue)]
    public void ImpossibleFooterLength(int length)
    {
        byte[] bytes = [.. "PAR1"u8, .. BitConverter.GetBytes(length), .. "PAR1"u8];
        AssertContentRefused([.. bytes[..4], 0, .. bytes[4..]], null);
    }

    [Fact]
    public void RandomFooters()
    {
        var random = new Random(4);
        for (var i = 0; i < 300; i++)
        {
            var footer = new byte[random.Next(1, 2000)];
            random.NextBytes(footer);
            AssertContentRefused([.. "PAR1"u8, .. footer, .. BitConverter.GetBytes(footer.Length), .. "PAR1"u8], null);
        }
    }

    /// <summary>Structures within structures: must end in a line, not in an overflow of the stack.</summary>
    [Theory]
    [InlineData(0x1c)]
    [InlineData(0x9c)]
    [InlineData(0xf9)]
    [InlineData(0x19)]
    public void DeepFooters(byte header)
    {
        var footer = new byte[1_000_000];
        footer.AsSpan().Fill(header);
        AssertContentRefused([.. "PAR1"u8, .. footer, .. BitConverter.GetBytes(footer.Length), .. "PAR1"u8], null);
    }

    [Fact]
    public void ForeignParquet()
    {
        using var file = new TempFile();
        DuckDb.Execute($"COPY (SELECT range AS a, 'x' AS b, [1, 2] AS c, {{'d': 1.5}} AS e FROM range(1000)) TO '{file.Path}' (FORMAT parquet)");
        AssertRefused(file.Path, $"is a Parquet file but not a faultrec trace (no faultrec.schema_version in its metadata): {RecordIt}");
    }

    [Fact]
    public void NewerSchema()
    {
        var metadata = SampleTrace.Metadata(10) with { SchemaVersion = 3 };
        AssertContentRefused(
            SampleTrace.Write(SampleTrace.RandomBatches(1, 10), metadata),
            "schema version 3 is newer than this faultrec reads (2): update faultrec");
    }

    [Fact]
    public void NewerSchemaThatLooksQuiteDifferent()
    {
        using var file = new TempFile();
        DuckDb.Execute($"COPY (SELECT [42] AS faults) TO '{file.Path}' (FORMAT parquet, KV_METADATA {{'faultrec.schema_version': '99'}})");
        AssertRefused(file.Path, "schema version 99 is newer than this faultrec reads (2): update faultrec");
    }

    [Theory]
    [InlineData("0", "schema version 0 does not exist: copy the file again or record again")]
    [InlineData("{", "metadata key faultrec.schema_version does not have the JSON shape of docs/format.md: copy the file again or record again")]
    [InlineData("1", "has 1 columns where a trace has 23 or more: use the file that `faultrec record` wrote")]
    public void OurKeyOnSomethingElse(string version, string message)
    {
        using var file = new TempFile();
        DuckDb.Execute($"COPY (SELECT 42 AS a) TO '{file.Path}' (FORMAT parquet, KV_METADATA {{'faultrec.schema_version': '{version}'}})");
        AssertRefused(file.Path, message);
    }

    [Fact]
    public void TraceRewrittenByAnotherProgram()
    {
        using var trace = new TempFile(SampleTrace.Write(SampleTrace.RandomBatches(1, 10)));
        using var file = new TempFile();
        DuckDb.Execute($"COPY (SELECT * FROM '{trace.Path}') TO '{file.Path}' (FORMAT parquet, KV_METADATA {{'faultrec.schema_version': '1'}})");
        AssertRefused(file.Path, null);
    }

    [Theory]
    [InlineData("faultrec.receipt", "faultrec.receipX", "metadata key faultrec.receipt is missing")]
    [InlineData("\"events\":10,", "\"events\":\"a\"", "metadata key faultrec.receipt does not have the JSON shape of docs/format.md")]
    [InlineData("\"events\":10,", "\"Events\":10,", "metadata key faultrec.receipt does not have the JSON shape of docs/format.md")]
    public void DamagedMetadata(string text, string replacement, string message)
        => AssertContentRefused(
            FooterEdit.Replace(SampleTrace.Write(SampleTrace.RandomBatches(1, 10)), text, replacement),
            $"{message}: copy the file again or record again");

    [Fact]
    public void EscapesInTheNameAreInert()
    {
        var error = Assert.Throws<FaultrecException>(() => TraceReader.Open("/tmp/\e[31mred\n.parquet"));
        Assert.DoesNotContain(error.Message, char.IsControl);
    }

    /// <param name="message">The line behind the file's name; null when only its form matters.</param>
    private static void AssertContentRefused(byte[] content, string? message)
    {
        using var file = new TempFile(content);
        AssertRefused(file.Path, message);
    }

    private static void AssertRefused(string path, string? message)
    {
        var error = Assert.Throws<FaultrecException>(() => TraceReader.Open(path));
        Assert.Equal(ExitCode.BadInput, error.ExitCode);
        Assert.StartsWith($"{path}: ", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(error.Message, char.IsControl);
        if (message is not null)
            Assert.Equal($"{path}: {message}", error.Message);
    }
}
