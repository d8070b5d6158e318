using Faultrec.Recorder;
using Faultrec.Recorder.Capture;
using Faultrec.Recorder.Doctor;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Spool;

namespace Faultrec.Live.Tests;

/// <summary>The recorder as a library, compiled at run time and with the shared libbpf; the other tests run the native executable.</summary>
public sealed class JitTests : LiveTest
{
    [Fact]
    public void TheDoctorFindsTheProbesWorking()
        => Assert.True(MachineDoctor.Examine().CanRecord);

    [Fact]
    public async Task ARunningProcessIsRecorded()
    {
        const int pages = 5000;
        using var program = Running.Start(Checkout.Fixture("wait_then_touch"), "1", $"{pages}");
        program.ReadLine();

        using var signals = new EndSignals();
        var options = new RecordOptions { Output = TracePath, Pid = program.Pid, ToolVersion = "test", Stacks = false };
        var recording = Task.Run(() => Recording.Run(options, signals));
        Running.Until(() => recording.IsCompleted || new FileInfo(TracePath + ".spool") is { Exists: true, Length: > 0 }, "the recording has begun");
        program.WriteByte();
        var said = Said(program.ReadLine());
        program.WriteByte();
        var result = await recording;

        Assert.True(result.Metadata!.Receipt.Complete);
        Assert.Equal(EndReason.Exited, result.Metadata.Receipt.EndReason);
        Assert.Equal(2 * pages, Number(said, "touch_minflt"));
        var counts = Counts.Read(TracePath);
        Assert.Equal(counts.Receipt.PerfMinor + counts.Receipt.PerfMajor, counts.Minor + counts.Major + counts.Receipt.Excluded);
    }
}
