using System.Diagnostics;
using Faultrec.Recorder.Finalize;
using Faultrec.Recorder.Launch;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Recorder.Symbols;
using Faultrec.Traces;

namespace Faultrec.Recorder.Capture;

/// <summary>One recording from start to trace file. The order of its steps is what makes the first instruction count.</summary>
public static class Recording
{
    /// <param name="signals">The first ends the recording; a further one is the command's affair and must not cut off the trace.</param>
    /// <exception cref="FaultrecException">See <see cref="ExitCode"/>; nothing is left behind unless the message says so.</exception>
    public static RecordResult Run(RecordOptions options, EndSignals signals)
    {
        FileLimit.Raise();
        var user = InvokingUser.FromSudo(Libc.Geteuid() == 0);
        var output = OutputFile.Prepare(options.Output, options.Existing, user);
        using var spool = output.CreateSpool();
        try
        {
            using var target = Target.Start(options, options.AsRoot ? null : user);
            var ending = CaptureRun.Run(options, target, new SpoolSink(spool, options.MaxSizeBytes ?? long.MaxValue), signals);
            var finalizeTime = Stopwatch.StartNew();
            var metadata = Finalize(output, target.MappedFiles, options.OnFinalizing);
            finalizeTime.Stop();
            if (options.NamesJitCode(metadata.StackRecording))
                JitSwitches.DeleteMaps(metadata);
            var exitStatus = ending.ExitStatus ?? target.WaitForCommand();
            return new RecordResult(options.Output, metadata, spool.Length, finalizeTime.Elapsed, exitStatus);
        }
        catch (FaultrecException e) when (e.ExitCode != ExitCode.Incomplete)
        {
            output.Abandon();
            throw;
        }
    }

    /// <summary>Makes the trace of a spool whose recorder was killed.</summary>
    public static RecordResult Recover(string spoolPath, string outputPath, ExistingOutput existing, Action<double>? onFinalizing)
    {
        SpoolReader.RefuseIfRecording(spoolPath);
        var output = OutputFile.Prepare(outputPath, existing, InvokingUser.FromSudo(Libc.Geteuid() == 0));
        var time = Stopwatch.StartNew();
        using var files = new MappedFiles();
        var metadata = WriteRecovered(output, spoolPath, files, onFinalizing);
        return new RecordResult(outputPath, metadata, new FileInfo(spoolPath).Length, time.Elapsed, metadata.Receipt.ExitStatus);
    }

    private static TraceMetadata Finalize(OutputFile output, MappedFiles files, Action<double>? onFinalizing)
    {
        var metadata = WriteTrace(output, output.SpoolPath, files, onFinalizing);
        output.Abandon();
        return metadata;
    }

    private static TraceMetadata WriteRecovered(OutputFile output, string spoolPath, MappedFiles files, Action<double>? onFinalizing)
    {
        try
        {
            return WriteTrace(output, spoolPath, files, onFinalizing, isRecovery: true);
        }
        catch (Exception e) when (e is InvalidDataException or MetadataException)
        {
            throw SpoolReader.Damaged(spoolPath, e);
        }
    }

    private static TraceMetadata WriteTrace(OutputFile output, string spoolPath, MappedFiles files, Action<double>? onFinalizing, bool isRecovery = false)
    {
        using var reader = new SpoolReader(spoolPath);
        return output.Finalize(reader.Header.Metadata.Frames is { Recorded: true }, stream =>
        {
            using var finalizer = new TraceFinalizer(reader, stream, files, onFinalizing, isRecovery);
            return finalizer.Run();
        });
    }
}
