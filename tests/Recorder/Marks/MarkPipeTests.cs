using Faultrec.Recorder.Marks;
using Faultrec.Recorder.Spool;
using Faultrec.Traces.Output;
using Xunit;

namespace Faultrec.Recorder.Tests.Marks;

/// <summary>The pipe itself, without a recording.</summary>
public sealed class MarkPipeTests
{
    [Fact]
    public void MarksComeFromThePipeAndNothingIsLeft()
    {
        var sink = new MarkList();
        string path;
        using (var pipe = MarkPipe.Create(null))
        {
            path = pipe.Path;
            Assert.Equal((FileKind.Pipe, OutputFolder.OwnerOnly), FoundFile.Read(path) is { } found ? (found.Kind, found.Mode) : default);
            File.AppendAllText(path, "a\n");
            pipe.ReadTo(sink);
            pipe.ReadTo(sink);
            // A writer that has gone is no end.
            File.AppendAllText(path, "b\nc");
            pipe.ReadLastTo(sink);
        }

        Assert.Equal(["a", "b", "c"], sink.Marks.SelectMany(read => read.Marks).Select(mark => mark.Name));
        Assert.Equal(2, sink.Marks.Count);
        Assert.False(Directory.Exists(Path.GetDirectoryName(path)));
    }

    [Fact]
    public void MoreMarksThanThereIsRoomForAreCounted()
    {
        var sink = new MarkList();
        using var pipe = MarkPipe.Create(null);
        for (var i = 0; i < MarkPipe.MostMarks; i += 1000)
        {
            Assert.False(pipe.IsFull);
            File.AppendAllLines(pipe.Path, Enumerable.Range(i, 1000).Select(number => $"m{number}"));
            pipe.ReadTo(sink);
        }

        Assert.True(pipe.IsFull);
        File.AppendAllText(pipe.Path, "a\nb\nc\nd\ne\n");
        pipe.ReadLastTo(sink);

        Assert.Equal((MarkPipe.MostMarks, 5), (sink.Marks.Sum(read => read.Marks.Count), sink.Marks.Sum(read => read.Dropped)));
        Assert.Equal($"m{MarkPipe.MostMarks - 1}", sink.Marks.SelectMany(read => read.Marks).Last().Name);
    }

    /// <summary>The folder of a recorder that was killed goes, that of one that lives and what is not a recorder's stays.</summary>
    [Fact]
    public void TheNextPipeRemovesWhatADeadRecorderLeft()
    {
        using var living = MarkPipe.Create(null);
        var parent = Path.GetDirectoryName(Path.GetDirectoryName(living.Path))!;
        var (dead, full) = (Path.Combine(parent, "faultrec.4194305.aaaaaa"), Path.Combine(parent, "faultrec.4194306.aaaaaa"));
        try
        {
            Directory.CreateDirectory(dead);
            using (var folder = LinuxFolder.Open(dead))
                folder.MakePipe("marks", OutputFolder.OwnerOnly);
            Directory.CreateDirectory(Path.Combine(full, "kept"));

            using var next = MarkPipe.Create(null);

            Assert.False(Directory.Exists(dead));
            Assert.True(Directory.Exists(Path.Combine(full, "kept")));
            Assert.True(File.Exists(living.Path));
        }
        finally
        {
            foreach (var folder in ((string[])[dead, full]).Where(Directory.Exists))
                Directory.Delete(folder, recursive: true);
        }
    }

    private sealed class MarkList : IRecordSink
    {
        public List<SpooledMarks> Marks { get; } = [];

        public void Append(SpoolRecordType type, int cpu, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> rest = default)
        {
            Assert.Equal(SpoolRecordType.Marks, type);
            Marks.Add(SpoolJson.Parse(payload, SpoolJson.Default.SpooledMarks));
        }

        public string? EndPass(long nowNs) => null;
    }
}
