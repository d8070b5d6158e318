using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Spool;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Testing;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Output;
using Xunit;

namespace Faultrec.Recorder.Tests.Spool;

/// <summary>A spool as a killed recorder or a broken disk leaves it.</summary>
public sealed class SpoolDamageTests
{
    [Fact]
    public void EveryTruncationGivesAPrefix()
    {
        var bytes = SmallSpool();
        var records = Records(bytes);
        var ends = records.Select(record => record.End).ToArray();
        using var folder = new TempFolder();
        for (var length = 0; length < bytes.Length; length++)
        {
            var whole = ends.Count(end => end <= length);
            if (whole == 0)
                AssertRefused(folder, bytes[..length]);
            else
                Assert.Equal(records.Take(whole), Records(folder, bytes[..length]));
        }
    }

    [Fact]
    public void EveryFlippedBitIsFound()
    {
        var bytes = SmallSpool();
        var records = Records(bytes);
        var random = new Random(20);
        using var folder = new TempFolder();
        for (var i = 0; i < 800; i++)
        {
            var damaged = (byte[])bytes.Clone();
            var position = i < records.Count * 16 ? (i / 16 == 0 ? 0 : records[(i / 16) - 1].End) + (i % 16) : random.Next(bytes.Length);
            damaged[position] ^= (byte)(1 << random.Next(8));
            var whole = records.Count(record => record.End <= position);
            var before = GC.GetAllocatedBytesForCurrentThread();
            if (whole == 0)
                AssertRefused(folder, damaged);
            else
                Assert.Equal(records.Take(whole), Records(folder, damaged));
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8 << 20);
        }
    }

    /// <summary>A length within the file, but not of a record of that type, is not believed.</summary>
    [Fact]
    public void WildLengthAllocatesNothing()
    {
        using var story = new SpoolStory();
        story.Pass(0);
        var many = new FaultRecord[SpoolWriter.MaxFaultsPerRecord];
        for (var i = 0; i < 40; i++)
            story.Faults(0, many);
        story.Flush();
        var bytes = File.ReadAllBytes(story.Path);
        var pass = Records(bytes)[0].End;
        BitConverter.TryWriteBytes(bytes.AsSpan(pass + 8), 25_000_000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Single(Records(bytes));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    [Theory]
    [InlineData("")]
    [InlineData("PAR1")]
    [InlineData("a text that is long enough for the header of a record")]
    public void OtherFilesAreRefusedInOneLine(string content)
    {
        using var folder = new TempFolder();
        AssertRefused(folder, System.Text.Encoding.UTF8.GetBytes(content));
    }

    [Fact]
    public void MissingFileAndFolderAreRefused()
    {
        using var folder = new TempFolder();
        foreach (var path in new[] { folder.File("none.spool"), folder.File(".") })
            Assert.Equal(ExitCode.BadInput, Assert.Throws<FaultrecException>(() => new SpoolReader(path)).ExitCode);
    }

    [Fact]
    public void NewerSpoolIsRefusedByVersionAndClosed()
    {
        using var folder = new TempFolder();
        var path = folder.File("new.spool");
        using (var writer = SpoolStory.NewSpool(path))
        {
            writer.Append(SpoolRecordType.Header, SpoolStory.Header() with { SpoolVersion = SpoolHeader.CurrentVersion + 1 }, SpoolJson.Default.SpoolHeader);
            writer.Flush();
        }

        var refusal = Assert.Throws<FaultrecException>(() => new SpoolReader(path));
        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.Contains($"spool version {SpoolHeader.CurrentVersion + 1}, but this faultrec reads {SpoolHeader.CurrentVersion}", refusal.Message);
        using var exclusive = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None); // nobody holds it open
    }

    /// <summary>kill -9: no End record, and half a record at the end.</summary>
    [Fact]
    public void RecoverMakesATraceOfWhatIsThere()
    {
        using var story = new SpoolStory();
        story.Pass(0).Faults(0, SpoolStory.Fault(10, 0x1000), SpoolStory.Fault(20, 0x2000)).Pass(100).Faults(0, SpoolStory.Fault(30, 0x3000));
        story.Flush();
        story.Kill();
        const int cut = 7;
        using (var file = new FileStream(story.Path, FileMode.Open))
            file.SetLength(file.Length - cut);
        var record = Marshal.SizeOf<SpoolRecordHeader>() + Marshal.SizeOf<FaultRecord>();

        var result = Recover(story.Path, story.Folder.File("out.parquet"));
        var trace = FinishedTrace.Read(result.Output);
        Assert.Equal([10L, 20], trace.Rows.TimeNs);
        Assert.Equal(("recovered", record - cut, false), (trace.Receipt.EndReason, trace.Receipt.SpoolBytesDropped, trace.Receipt.Complete));
        Assert.Equal(100, trace.Metadata.DurationNs);
        Assert.Null(trace.Receipt.KernelMinor);
        Assert.True(File.Exists(story.Path));
    }

    /// <summary>The version is the made file's: a spool can say what it likes.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(int.MaxValue)]
    public void ARecoveredTraceHasTheVersionOfItsColumns(int version)
    {
        var header = SpoolStory.Header();
        using var story = new SpoolStory(header with { Metadata = header.Metadata with { SchemaVersion = version } });
        story.Pass(0).Faults(0, SpoolStory.Fault(10, 0x1000)).Pass(100);
        story.Flush();
        story.Kill();

        var result = Recover(story.Path, story.Folder.File("out.parquet"));

        using var reader = TraceReader.Open(result.Output);
        Assert.Equal((TraceSchema.Version, 1), (reader.Metadata.SchemaVersion, reader.RowCount));
    }

    /// <summary>Records whose checksums are right, as somebody makes them who wants to be believed: a trace that is read again, or a line.</summary>
    [Theory]
    [InlineData(SpoolRecordType.Header, "null")]
    [InlineData(SpoolRecordType.Header, "[]")]
    [InlineData(SpoolRecordType.Header, "{\"SpoolVersion\":CURRENT}")]
    [InlineData(SpoolRecordType.Header, "{\"SpoolVersion\":CURRENT,\"Metadata\":null,\"TargetPid\":1}")]
    [InlineData(SpoolRecordType.Maps, "null")]
    [InlineData(SpoolRecordType.Maps, "{")]
    [InlineData(SpoolRecordType.Maps, "{\"Pid\":100,\"TimeNs\":1,\"Comm\":\"a\",\"ParentPid\":1,\"Threads\":null,\"Maps\":\"\"}")]
    [InlineData(SpoolRecordType.Maps, "{\"Pid\":100,\"TimeNs\":1,\"Comm\":\"a\",\"ParentPid\":1,\"Threads\":[null],\"Maps\":\"\"}")]
    [InlineData(SpoolRecordType.Maps, "{\"Pid\":100,\"TimeNs\":1,\"Comm\":\"a\",\"ParentPid\":1,\"Threads\":[{\"Tid\":1}],\"Maps\":\"\"}")]
    [InlineData(SpoolRecordType.Maps, "{\"Pid\":100,\"TimeNs\":1,\"Comm\":\"a\",\"ParentPid\":1,\"Threads\":[],\"Maps\":\"1000 r--p\"}")]
    [InlineData(SpoolRecordType.Maps, "{\"Pid\":100,\"TimeNs\":1,\"Comm\":\"a\",\"ParentPid\":1,\"Threads\":[],\"Maps\":\"1000-2000 r 0 0:0 0\"}")]
    [InlineData(SpoolRecordType.Maps, "{\"Pid\":-1,\"TimeNs\":1,\"Comm\":\"a\",\"ParentPid\":1,\"Threads\":[],\"Maps\":\"1000-2000 rw-p 0 0:0 0\"}")]
    [InlineData(SpoolRecordType.End, "null")]
    [InlineData(SpoolRecordType.End, "{\"TimeNs\":5000000100,\"EndReason\":\"exited\"}")]
    [InlineData(SpoolRecordType.End, "{\"TimeNs\":5000000100,\"EndReason\":\"exited\",\"Counts\":{}}")]
    [InlineData(SpoolRecordType.End, "{\"TimeNs\":9223372036854775807,\"EndReason\":\"exited\",\"Counts\":{\"Receipt\":{\"Events\":0}}}")]
    [InlineData(SpoolRecordType.End, "{\"TimeNs\":5000000100,\"EndReason\":null,\"Counts\":{\"Receipt\":{\"Events\":0}}}")]
    [InlineData(SpoolRecordType.End, "{\"TimeNs\":5000000100,\"EndReason\":\"exited\",\"Counts\":{\"Receipt\":{\"Events\":0,\"SampledOut\":-1}}}")]
    [InlineData(SpoolRecordType.End, "{\"TimeNs\":5000000100,\"EndReason\":\"exited\",\"Counts\":{\"Receipt\":{\"Events\":0},\"Costs\":{\"LockWaits\":null}}}")]
    [InlineData(SpoolRecordType.End,
        "{\"TimeNs\":5000000100,\"EndReason\":\"exited\",\"Counts\":{\"Receipt\":{\"Events\":0},\"Costs\":{\"LockWaits\":[null]}}}")]
    internal void AForgedFrameIsALine(SpoolRecordType type, string json)
    {
        using var folder = new TempFolder();
        var path = folder.File("forged.spool");
        using (var writer = SpoolStory.NewSpool(path))
        {
            if (type != SpoolRecordType.Header)
                writer.Append(SpoolRecordType.Header, SpoolStory.Header(), SpoolJson.Default.SpoolHeader);
            writer.Append(type, 0, System.Text.Encoding.UTF8.GetBytes(json.Replace("CURRENT", $"{SpoolHeader.CurrentVersion}", StringComparison.Ordinal)));
            writer.Append(SpoolRecordType.Faults, 0, MemoryMarshal.AsBytes<FaultRecord>([SpoolStory.Fault(10, 0x1000, tid: 1)]));
            writer.Flush();
        }

        var refusal = Assert.Throws<FaultrecException>(() => Recover(path, folder.File("out.parquet")));

        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.StartsWith($"{path}: the spool is damaged (", refusal.Message);
        Assert.DoesNotContain('\n', refusal.Message);
        Assert.Equal([path], Directory.GetFiles(folder.File(".")).Select(Path.GetFullPath));
    }

    [Theory]
    [InlineData(20, -4096L)]
    [InlineData(20, long.MaxValue)]
    [InlineData(long.MaxValue - SpoolStory.StartNs - 1, 4096L)]
    public void AForgedLookAtMemoryIsALine(long timeNs, long bytes)
    {
        using var story = new SpoolStory();
        story.Pass(0).Faults(0, SpoolStory.Fault(10, 0x1000)).Memory(SpoolStory.Look(timeNs, bytes, fileBytes: long.MaxValue)).Pass(100);
        story.Flush();
        story.Kill();

        var refusal = Assert.Throws<FaultrecException>(() => Recover(story.Path, story.Folder.File("out.parquet")));

        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.StartsWith($"{story.Path}: the spool is damaged (", refusal.Message);
    }

    private static void AssertRefused(TempFolder folder, byte[] bytes)
    {
        var path = folder.File("damaged.spool");
        File.WriteAllBytes(path, bytes);
        var refusal = Assert.Throws<FaultrecException>(() => new SpoolReader(path));
        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.StartsWith(path, refusal.Message);
        Assert.DoesNotContain('\n', refusal.Message);
    }

    private static byte[] SmallSpool()
    {
        using var story = new SpoolStory();
        story.Pass(0)
            .Faults(1, SpoolStory.Fault(10, 0x1000), SpoolStory.Fault(20, 0x2000))
            .Sideband(0, new PerfRecords().Comm(SpoolStory.StartNs + 5, 100, 100, "story"))
            .Event(30, EventType.Unmap, 100, 100, 0x1000, 0x1000)
            .Loss(1, 40, 3)
            .Memory(SpoolStory.Look(45, 4096), SpoolStory.Look(46, 8192))
            .Pass(50)
            .End(60);
        story.Flush();
        return File.ReadAllBytes(story.Path);
    }

    /// <summary>What a reader finds after the header; End is where the record ends in the file. The first is the header.</summary>
    private static List<(SpoolRecordType Type, int Cpu, string Payload, int End)> Records(byte[] bytes)
    {
        using var folder = new TempFolder();
        return Records(folder, bytes);
    }

    private static List<(SpoolRecordType Type, int Cpu, string Payload, int End)> Records(TempFolder folder, byte[] bytes)
    {
        var path = folder.File("a.spool");
        File.WriteAllBytes(path, bytes);
        using var reader = new SpoolReader(path);
        var records = new List<(SpoolRecordType, int, string, int)>();
        do
            records.Add((reader.Type, reader.Cpu, Convert.ToHexString(reader.Payload), (int)reader.Position));
        while (reader.Next());
        return records;
    }

    private static RecordResult Recover(string spool, string output)
        => Recording.Recover(spool, output, ExistingOutput.KeepAsOld, noCache: true, onNotice: null, onFinalizing: null);
}
