using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Recorder.Tests.Support;
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
        var frames = Frames(bytes);
        var ends = frames.Select(frame => frame.End).ToArray();
        using var folder = new TempFolder();
        for (var length = 0; length < bytes.Length; length++)
        {
            var whole = ends.Count(end => end <= length);
            if (whole == 0)
                AssertRefused(folder, bytes[..length]);
            else
                Assert.Equal(frames.Take(whole), Frames(folder, bytes[..length]));
        }
    }

    [Fact]
    public void EveryFlippedBitIsFound()
    {
        var bytes = SmallSpool();
        var frames = Frames(bytes);
        var random = new Random(20);
        using var folder = new TempFolder();
        for (var i = 0; i < 800; i++)
        {
            var damaged = (byte[])bytes.Clone();
            var position = i < frames.Count * 16 ? (i / 16 == 0 ? 0 : frames[(i / 16) - 1].End) + (i % 16) : random.Next(bytes.Length);
            damaged[position] ^= (byte)(1 << random.Next(8));
            var whole = frames.Count(frame => frame.End <= position);
            var before = GC.GetAllocatedBytesForCurrentThread();
            if (whole == 0)
                AssertRefused(folder, damaged);
            else
                Assert.Equal(frames.Take(whole), Frames(folder, damaged));
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 8 << 20);
        }
    }

    /// <summary>A length within the file, but not of a frame of that type, is not believed.</summary>
    [Fact]
    public void WildLengthAllocatesNothing()
    {
        using var story = new SpoolStory();
        story.Pass(0);
        var many = new FaultRecord[SpoolWriter.MaxFaultsPerFrame];
        for (var i = 0; i < 40; i++)
            story.Faults(0, many);
        story.Flush();
        var bytes = File.ReadAllBytes(story.Path);
        var pass = Frames(bytes)[0].End;
        BitConverter.TryWriteBytes(bytes.AsSpan(pass + 8), 25_000_000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Single(Frames(bytes));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    [Theory]
    [InlineData("")]
    [InlineData("PAR1")]
    [InlineData("a text that is long enough for the header of a frame")]
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
            writer.Append(FrameType.Header, SpoolStory.Header() with { SpoolVersion = 9 }, SpoolJson.Default.SpoolHeader);
            writer.Flush();
        }
        var refusal = Assert.Throws<FaultrecException>(() => new SpoolReader(path));
        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.Contains($"spool version 9, this faultrec reads {SpoolHeader.CurrentVersion}", refusal.Message);
        using var exclusive = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None); // nobody holds it open
    }

    /// <summary>kill -9: no End frame, and half a frame at the end.</summary>
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
        var frame = Marshal.SizeOf<FrameHeader>() + Marshal.SizeOf<FaultRecord>();

        var result = Recording.Recover(story.Path, story.Folder.File("out.parquet"), ExistingOutput.KeepAsOld, null);
        var trace = FinishedTrace.Read(result.Output);
        Assert.Equal([10L, 20], trace.Rows.TimeNs);
        Assert.Equal(("recovered", frame - cut, false), (trace.Receipt.EndReason, trace.Receipt.SpoolBytesDropped, trace.Receipt.Complete));
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

        var result = Recording.Recover(story.Path, story.Folder.File("out.parquet"), ExistingOutput.KeepAsOld, null);

        using var reader = TraceReader.Open(result.Output);
        Assert.Equal((TraceSchema.Version, 1), (reader.Metadata.SchemaVersion, reader.RowCount));
    }

    /// <summary>Frames whose checksums are right, as somebody makes them who wants to be believed: a trace that is read again, or a line.</summary>
    [Theory]
    [InlineData(FrameType.Header, "null")]
    [InlineData(FrameType.Header, "[]")]
    [InlineData(FrameType.Header, "{\"SpoolVersion\":CURRENT}")]
    [InlineData(FrameType.Header, "{\"SpoolVersion\":CURRENT,\"Metadata\":null,\"TargetPid\":1}")]
    [InlineData(FrameType.Maps, "null")]
    [InlineData(FrameType.Maps, "{")]
    [InlineData(FrameType.Maps, "{\"Pid\":100,\"TimeNs\":1,\"Comm\":\"a\",\"ParentPid\":1,\"Threads\":null,\"Maps\":\"\"}")]
    [InlineData(FrameType.Maps, "{\"Pid\":100,\"TimeNs\":1,\"Comm\":\"a\",\"ParentPid\":1,\"Threads\":[null],\"Maps\":\"\"}")]
    [InlineData(FrameType.Maps, "{\"Pid\":100,\"TimeNs\":1,\"Comm\":\"a\",\"ParentPid\":1,\"Threads\":[{\"Tid\":1}],\"Maps\":\"\"}")]
    [InlineData(FrameType.Maps, "{\"Pid\":100,\"TimeNs\":1,\"Comm\":\"a\",\"ParentPid\":1,\"Threads\":[],\"Maps\":\"1000 r--p\"}")]
    [InlineData(FrameType.Maps, "{\"Pid\":100,\"TimeNs\":1,\"Comm\":\"a\",\"ParentPid\":1,\"Threads\":[],\"Maps\":\"1000-2000 r 0 0:0 0\"}")]
    [InlineData(FrameType.Maps, "{\"Pid\":-1,\"TimeNs\":1,\"Comm\":\"a\",\"ParentPid\":1,\"Threads\":[],\"Maps\":\"1000-2000 rw-p 0 0:0 0\"}")]
    [InlineData(FrameType.End, "null")]
    [InlineData(FrameType.End, "{\"TimeNs\":5000000100,\"EndReason\":\"exited\"}")]
    [InlineData(FrameType.End, "{\"TimeNs\":5000000100,\"EndReason\":\"exited\",\"Counts\":{}}")]
    [InlineData(FrameType.End, "{\"TimeNs\":9223372036854775807,\"EndReason\":\"exited\",\"Counts\":{\"Receipt\":{\"Events\":0}}}")]
    [InlineData(FrameType.End, "{\"TimeNs\":5000000100,\"EndReason\":null,\"Counts\":{\"Receipt\":{\"Events\":0}}}")]
    [InlineData(FrameType.End, "{\"TimeNs\":5000000100,\"EndReason\":\"exited\",\"Counts\":{\"Receipt\":{\"Events\":0,\"SampledOut\":-1}}}")]
    [InlineData(FrameType.End, "{\"TimeNs\":5000000100,\"EndReason\":\"exited\",\"Counts\":{\"Receipt\":{\"Events\":0},\"Costs\":{\"LockWaits\":null}}}")]
    [InlineData(FrameType.End, "{\"TimeNs\":5000000100,\"EndReason\":\"exited\",\"Counts\":{\"Receipt\":{\"Events\":0},\"Costs\":{\"LockWaits\":[null]}}}")]
    internal void AForgedFrameIsALine(FrameType type, string json)
    {
        using var folder = new TempFolder();
        var path = folder.File("forged.spool");
        using (var writer = SpoolStory.NewSpool(path))
        {
            if (type != FrameType.Header)
                writer.Append(FrameType.Header, SpoolStory.Header(), SpoolJson.Default.SpoolHeader);
            writer.Append(type, 0, System.Text.Encoding.UTF8.GetBytes(json.Replace("CURRENT", $"{SpoolHeader.CurrentVersion}", StringComparison.Ordinal)));
            writer.Append(FrameType.Faults, 0, MemoryMarshal.AsBytes<FaultRecord>([SpoolStory.Fault(10, 0x1000, tid: 1)]));
            writer.Flush();
        }

        var refusal = Assert.Throws<FaultrecException>(() => Recording.Recover(path, folder.File("out.parquet"), ExistingOutput.KeepAsOld, null));

        Assert.Equal(ExitCode.BadInput, refusal.ExitCode);
        Assert.StartsWith($"{path}: the spool is damaged (", refusal.Message);
        Assert.DoesNotContain('\n', refusal.Message);
        Assert.Equal([path], Directory.GetFiles(folder.File(".")).Select(Path.GetFullPath));
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
            .Pass(50)
            .End(60);
        story.Flush();
        return File.ReadAllBytes(story.Path);
    }

    /// <summary>What a reader finds after the header; End is where the frame ends in the file. The first is the header.</summary>
    private static List<(FrameType Type, int Cpu, string Payload, int End)> Frames(byte[] bytes)
    {
        using var folder = new TempFolder();
        return Frames(folder, bytes);
    }

    private static List<(FrameType Type, int Cpu, string Payload, int End)> Frames(TempFolder folder, byte[] bytes)
    {
        var path = folder.File("a.spool");
        File.WriteAllBytes(path, bytes);
        using var reader = new SpoolReader(path);
        var frames = new List<(FrameType, int, string, int)>();
        do
            frames.Add((reader.Type, reader.Cpu, Convert.ToHexString(reader.Payload), (int)reader.Position));
        while (reader.Next());
        return frames;
    }
}
