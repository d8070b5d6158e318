using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Recorder.Tests.Support;
using Xunit;

namespace Faultrec.Recorder.Tests.Spool;

public sealed class SpoolRoundTripTests
{
    /// <summary>Sizes around the writer's buffer of 1 MiB and around the words of the checksum; two parts of any length.</summary>
    [Fact]
    public void FramesComeBackAsTheyWere()
    {
        using var folder = new TempFolder();
        var path = folder.File("a.spool");
        var random = new Random(1);
        int[] sizes = [1, 7, 8, 9, 100, (1 << 20) - 17, (1 << 20) - 16, 1 << 20, (1 << 20) + 1, 3 << 20];
        var written = new List<byte[]>();
        using (var writer = Create(path))
        {
            foreach (var size in sizes)
            {
                var payload = new byte[size];
                random.NextBytes(payload);
                var first = random.Next(size + 1);
                writer.Append(SpoolRecordType.Sideband, written.Count, payload.AsSpan(0, first), payload.AsSpan(first));
                written.Add(payload);
            }

            writer.Flush();
            Assert.Equal(new FileInfo(path).Length, writer.Length);
        }

        using var reader = new SpoolReader(path);
        Assert.Equal("story", reader.Header.Metadata.Command[0]);
        for (var pass = 0; pass < 2; pass++)
        {
            for (var i = 0; i < written.Count; i++)
            {
                Assert.True(reader.Next());
                Assert.Equal((SpoolRecordType.Sideband, i), (reader.Type, reader.Cpu));
                Assert.True(reader.Payload.SequenceEqual(written[i]));
            }

            Assert.False(reader.Next());
            Assert.Equal(reader.Length, reader.Position);
            reader.Rewind();
        }
    }

    [Fact]
    public void RecordsAreRead()
    {
        using var story = new SpoolStory();
        FaultRecord[] faults = [SpoolStory.Fault(1, 2), SpoolStory.Fault(3, 4, bits: FaultBits.Major)];
        story.Faults(3, faults).Flush();
        using var reader = new SpoolReader(story.Path);
        Assert.True(reader.Next());
        Assert.Equal(faults, reader.Records<FaultRecord>().ToArray());
    }

    [Fact]
    public void NothingIsInTheFileBeforeAFlush()
    {
        using var folder = new TempFolder();
        var path = folder.File("a.spool");
        using var writer = Create(path);
        Assert.Equal(0, new FileInfo(path).Length);
        writer.DiscardBuffer();
        writer.Flush();
        Assert.Equal(0, new FileInfo(path).Length);
    }

    private static SpoolWriter Create(string path)
    {
        var writer = SpoolStory.NewSpool(path);
        writer.Append(SpoolRecordType.Header, SpoolStory.Header(), SpoolJson.Default.SpoolHeader);
        return writer;
    }
}

/// <summary>No other test runs meanwhile: the limit on file sizes is the whole process's.</summary>
[CollectionDefinition(nameof(FullDisk), DisableParallelization = true)]
public sealed class FullDisk;

[Collection(nameof(FullDisk))]
public sealed partial class FullDiskTests
{
    /// <summary>A recording in which nothing happens takes 24 bytes a second; the pass before an item is always there.</summary>
    [Fact]
    public void PassesThatNothingFollowsAreWrittenNowAndThen()
    {
        const long intervalNs = 20_000_000, faultNs = 100 * intervalNs + 1;
        using var story = new SpoolStory();
        for (var pass = 0; pass <= 100; pass++)
            story.Pass(pass * intervalNs);
        story.Faults(0, SpoolStory.Fault(faultNs, 0x1000)).End(2 * faultNs).Flush();

        using var reader = new SpoolReader(story.Path);
        var passesNs = new List<long>();
        while (reader.Next() && reader.Type != SpoolRecordType.Faults)
            passesNs.Add(MemoryMarshal.Read<PassRecord>(reader.Payload).TimeNs - SpoolStory.StartNs);
        Assert.Equal([0, 50 * intervalNs, 100 * intervalNs], passesNs);
        Assert.Equal(SpoolRecordType.Faults, reader.Type);
    }

    private const int RlimitFsize = 1;
    private const int Sigxfsz = 25;

    /// <summary>
    /// Writes fail where a full disk would make them fail, in the middle of a record of several flushes. What is in the file then is
    /// whole, and the ending that follows is read.
    /// </summary>
    [Theory]
    [InlineData(1_200_000)]
    [InlineData(2_500_000)]
    public void EndingAfterAFullDiskIsRead(long limit)
    {
        using var story = new SpoolStory();
        var ignored = Signal(Sigxfsz, 1);
        Assert.Equal(0, Getrlimit(RlimitFsize, out var before));
        var faults = new FaultRecord[SpoolWriter.MaxFaultsPerRecord];
        Assert.Equal(0, Setrlimit(RlimitFsize, before with { Soft = (ulong)limit }));
        try
        {
            Assert.ThrowsAny<IOException>(() =>
            {
                for (var i = 0; i < 100; i++)
                    story.Faults(0, faults);
            });
        }
        finally
        {
            Assert.Equal(0, Setrlimit(RlimitFsize, before));
            Signal(Sigxfsz, ignored);
        }

        story.DiscardBuffer();
        story.End(60).Flush();

        using var reader = new SpoolReader(story.Path);
        var types = new List<SpoolRecordType>();
        while (reader.Next())
            types.Add(reader.Type);
        Assert.Equal(SpoolRecordType.End, types[^1]);
        Assert.Equal(limit / (faults.Length * Marshal.SizeOf<FaultRecord>()), types.Count - 1, 1.0);
        Assert.Equal(reader.Length, reader.Position);
    }

    private record struct Rlimit(ulong Soft, ulong Hard);

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int Getrlimit(int resource, out Rlimit limit);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int Setrlimit(int resource, in Rlimit limit);

    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint Signal(int signal, nint handler);
}
