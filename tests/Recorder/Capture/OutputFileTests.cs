using Faultrec.Recorder.Capture;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Traces;
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
        var output = OutputFile.Prepare(Trace, ExistingOutput.KeepAsOld, null);
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
        var output = OutputFile.Prepare(Trace, ExistingOutput.KeepAsOld, null);
        output.CreateSpool().Dispose();
        var failure = Assert.Throws<FaultrecException>(() => output.Finalize(false, stream =>
        {
            stream.WriteByte(1);
            throw new IOException("No space left on device");
        }));
        Assert.Equal(ExitCode.Incomplete, failure.ExitCode);
        Assert.Contains($"faultrec recover {Trace}.spool", failure.Message);
        Assert.Equal(["trace.parquet", "trace.parquet.spool"], Names());
        Assert.Equal("first", File.ReadAllText(Trace));
    }

    private void Write(ExistingOutput existing, string content)
        => OutputFile.Prepare(Trace, existing, null).Finalize(false, stream =>
        {
            Assert.Equal(File.Exists(Trace) ? "first" : "", File.Exists(Trace) ? File.ReadAllText(Trace) : ""); // until the new one is whole
            stream.Write(System.Text.Encoding.UTF8.GetBytes(content));
            return SpoolStory.Header().Metadata;
        });

    private string[] Names() => [.. Directory.GetFiles(_folder.File(".")).Select(Path.GetFileName).Order()!];

    private static void AssertRefused(string words, Action action)
    {
        var refusal = Assert.Throws<FaultrecException>(action);
        Assert.Equal(ExitCode.Usage, refusal.ExitCode);
        Assert.Contains(words, refusal.Message);
        Assert.DoesNotContain('\n', refusal.Message);
    }
}
