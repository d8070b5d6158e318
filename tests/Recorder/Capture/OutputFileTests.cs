using Faultrec.Recorder.Spool;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;
using Faultrec.Traces.Output;
using Xunit;

namespace Faultrec.Recorder.Tests.Capture;

public sealed class OutputFileTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Trace => _folder.File("trace.parquet");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ExistingTraceIsKeptAsOld()
    {
        File.WriteAllText(Trace, "first");
        File.WriteAllText(Trace + ".old", "before");
        Write(ExistingOutput.KeepAsOld, "second");
        Assert.Equal(("second", "first"), (File.ReadAllText(Trace), File.ReadAllText(Trace + ".old")));
    }

    [Fact]
    public void ForceOverwrites()
    {
        File.WriteAllText(Trace, "first");
        Write(ExistingOutput.Overwrite, "second");
        Assert.Equal("second", File.ReadAllText(Trace));
        Assert.Equal(["trace.parquet"], Names());
    }

    [Fact]
    public void NoClobberRefusesBeforeAnythingIsMade()
    {
        File.WriteAllText(Trace, "first");
        AssertRefused("exists already", () => OutputFile.Prepare(Trace, ExistingOutput.Refuse, null));
        Assert.Equal(["trace.parquet"], Names());
        File.Delete(Trace);
        Write(ExistingOutput.Refuse, "second");
        Assert.Equal("second", File.ReadAllText(Trace));
    }

    [Fact]
    public void SpoolOfAnEarlierRecordingIsNotTouched()
    {
        File.WriteAllText(Trace + ".spool", "a recording");
        AssertRefused("faultrec recover", () => OutputFile.Prepare(Trace, ExistingOutput.Overwrite, null).CreateSpool());
        Assert.Equal("a recording", File.ReadAllText(Trace + ".spool"));
    }

    [Fact]
    public void AbandonedRecordingLeavesNothing()
    {
        using var output = OutputFile.Prepare(Trace, ExistingOutput.KeepAsOld, null);
        using (var spool = output.CreateSpool())
            Assert.Equal(["trace.parquet.spool"], Names());
        output.Abandon();
        Assert.Empty(Names());
    }

    [Fact]
    public void ImpossiblePlacesAreRefusedByName()
    {
        AssertRefused("is a directory", () => OutputFile.Prepare(_folder.File("."), ExistingOutput.KeepAsOld, null));
        AssertRefused("no such directory", () => OutputFile.Prepare(_folder.File("none/trace.parquet"), ExistingOutput.KeepAsOld, null));
        AssertRefused("a trace needs a file", () => OutputFile.Prepare("-", ExistingOutput.KeepAsOld, null));
        Assert.Empty(Names());
    }

    [Fact]
    public void PlaceThatCannotBeWrittenIsRefused()
        => AssertRefused("cannot be written", () => OutputFile.Prepare("/proc/trace.parquet", ExistingOutput.KeepAsOld, null).CreateSpool());

    /// <summary>The disk fills while the trace is written: the recording and the trace before it stay.</summary>
    [Fact]
    public void FailedWriteKeepsTheSpoolAndTheOldTrace()
    {
        File.WriteAllText(Trace, "first");
        using var output = OutputFile.Prepare(Trace, ExistingOutput.KeepAsOld, null);
        output.CreateSpool().Dispose();
        var failure = Assert.Throws<FaultrecException>(() => output.Finalize(output.SpoolPath, stream =>
        {
            stream.WriteByte(1);
            throw new IOException("No space left on device");
        }));
        Assert.Equal(ExitCode.Incomplete, failure.ExitCode);
        Assert.Contains($"faultrec recover {Trace}.spool", failure.Message);
        Assert.Equal(["trace.parquet", "trace.parquet.spool"], Names());
        Assert.Equal("first", File.ReadAllText(Trace));
    }

    /// <summary>Killed before it recorded anything: before the first byte, or in the middle of the header.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(6)]
    [InlineData(100)]
    public void ASpoolWithoutItsHeaderIsNoObstacle(int bytes)
    {
        File.WriteAllBytes(Trace + ".spool", Header()[..bytes]);
        using var output = OutputFile.Prepare(Trace, ExistingOutput.KeepAsOld, null);
        using var spool = output.CreateSpool();
        Assert.Equal(0, spool.Length);
        Assert.Equal(["trace.parquet.spool"], Names());
    }

    [Fact]
    public void ASpoolThatHasItsHeaderIsKept()
    {
        File.WriteAllBytes(Trace + ".spool", Header());
        AssertRefused("faultrec recover", () => OutputFile.Prepare(Trace, ExistingOutput.KeepAsOld, null).CreateSpool());
        Assert.Equal(Header(), File.ReadAllBytes(Trace + ".spool"));
    }

    [Fact]
    public void ARecordingThatHasJustBegunKeepsItsSpool()
    {
        using var first = OutputFile.Prepare(Trace, ExistingOutput.KeepAsOld, null);
        using var spool = first.CreateSpool();
        Assert.Equal(0, new FileInfo(Trace + ".spool").Length);
        AssertRefused("still running", () => OutputFile.Prepare(Trace, ExistingOutput.KeepAsOld, null).CreateSpool());
        Assert.Equal(["trace.parquet.spool"], Names());
    }

    [Theory]
    [InlineData("", "directory")]
    [InlineData(".spool", "directory")]
    [InlineData(".old", "directory")]
    [InlineData("", "link")]
    [InlineData(".spool", "link")]
    [InlineData(".old", "link")]
    public void WhatIsNoFileIsInTheWayAndStays(string suffix, string kind)
    {
        if (suffix.Length > 0)
            File.WriteAllText(Trace, "first");
        File.WriteAllText(_folder.File("victim"), "precious");
        if (kind == "directory")
            Directory.CreateDirectory(Trace + suffix);
        else
            File.CreateSymbolicLink(Trace + suffix, "victim");
        var before = Names();
        AssertRefused($"trace.parquet{suffix}: is a ", () => OutputFile.Prepare(Trace, ExistingOutput.KeepAsOld, null).CreateSpool());
        Assert.Equal(before, Names());
        Assert.Equal("precious", File.ReadAllText(_folder.File("victim")));
    }

    /// <summary>Between the start of a recording and its end somebody makes a directory where the trace goes.</summary>
    [Fact]
    public void WhatComesIntoTheWayKeepsTheSpool()
    {
        using var output = OutputFile.Prepare(Trace, ExistingOutput.KeepAsOld, null);
        output.CreateSpool().Dispose();
        Directory.CreateDirectory(Trace);
        var failure = Assert.Throws<FaultrecException>(() => output.Finalize(output.SpoolPath, Something));
        Assert.Equal(ExitCode.Incomplete, failure.ExitCode);
        Assert.Contains("is a directory", failure.Message);
        Assert.Contains($"faultrec recover {Trace}.spool", failure.Message);
        Assert.Equal(["trace.parquet", "trace.parquet.spool"], Names());
    }

    [Fact]
    public void ARenamedFolderHasTheTrace()
    {
        Directory.CreateDirectory(_folder.File("before"));
        using var output = OutputFile.Prepare(_folder.File("before/trace.parquet"), ExistingOutput.KeepAsOld, null);
        output.CreateSpool().Dispose();
        Directory.Move(_folder.File("before"), _folder.File("after"));
        Directory.CreateDirectory(_folder.File("before"));
        var trace = output.Finalize(output.SpoolPath, Something);
        output.Abandon();
        Assert.Equal((_folder.File("after/trace.parquet"), null), (trace.Path, trace.Notice));
        Assert.Equal([trace.Path], Directory.GetFiles(_folder.File("after")));
        Assert.Empty(Directory.GetFiles(_folder.File("before")));
    }

    [Fact]
    public void ARemovedFolderLosesNothing()
    {
        var path = Directory.CreateDirectory(_folder.File("gone")).FullName + "/trace.parquet";
        using var output = OutputFile.Prepare(path, ExistingOutput.KeepAsOld, null);
        using var spool = output.CreateSpool();
        Directory.Delete(_folder.File("gone"), recursive: true);
        var trace = output.Finalize(output.SpoolPath, Something);
        Assert.Equal(1, new FileInfo(trace.Path).Length);
        Assert.Contains($"{path}: its directory was removed", trace.Notice);
        Assert.Contains(trace.Path, trace.Notice);
        File.Delete(trace.Path);
    }

    private void Write(ExistingOutput existing, string content)
    {
        using var output = OutputFile.Prepare(Trace, existing, null);
        _ = output.Finalize(output.SpoolPath, stream =>
        {
            Assert.Equal(File.Exists(Trace) ? "first" : "", File.Exists(Trace) ? File.ReadAllText(Trace) : ""); // until the new one is whole
            stream.Write(System.Text.Encoding.UTF8.GetBytes(content));
            return SpoolStory.Header().Metadata;
        });
    }

    private static TraceMetadata Something(Stream stream)
    {
        stream.WriteByte(1);
        return SpoolStory.Header().Metadata;
    }

    /// <summary>The first frame of a spool.</summary>
    private byte[] Header()
    {
        var path = _folder.File("other");
        using (var writer = SpoolStory.NewSpool(path))
        {
            writer.Append(SpoolRecordType.Header, SpoolStory.Header(), SpoolJson.Default.SpoolHeader);
            writer.Flush();
        }

        var bytes = File.ReadAllBytes(path);
        File.Delete(path);
        return bytes;
    }

    private string[] Names() => [.. Directory.GetFileSystemEntries(_folder.File(".")).Select(Path.GetFileName).Order()!];

    private static void AssertRefused(string words, Action action)
    {
        var refusal = Assert.Throws<FaultrecException>(action);
        Assert.Equal(ExitCode.Usage, refusal.ExitCode);
        Assert.Contains(words, refusal.Message);
        Assert.DoesNotContain('\n', refusal.Message);
    }
}
