using System.Diagnostics;
using Faultrec.Recorder.Capture;
using Faultrec.Recorder.Finalize;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Launch;
using Faultrec.Recorder.Marks;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Spool;
using Faultrec.Recorder.Symbols;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;
using Faultrec.Traces.Output;

namespace Faultrec.Recorder;

/// <summary>One recording from start to trace file. The order of its steps ensures that the first instruction is captured.</summary>
public static class Recording
{
    /// <param name="signals">The first signal ends the recording; further ones only concern the command and must not cut off the trace.</param>
    /// <exception cref="FaultrecException">See <see cref="ExitCode"/>: the command was not started, and nothing is left behind.</exception>
    public static RecordResult Run(RecordOptions options, EndSignals signals)
    {
        Machine.RequireFileSystems();
        MemoryBudget.LimitHeap();
        FileLimit.Raise();
        var user = InvokingUser.FromSudo(Libc.Geteuid() == 0);
        using var output = OutputFile.Prepare(options.Output, options.Existing, user);
        using var spool = output.CreateSpool();
        Target? target = null;
        MarkPipe? marks = null;
        try
        {
            var sink = new SpoolSink(spool, options.MaxSizeBytes ?? long.MaxValue);
            CaptureResult captured;
            try
            {
                marks = TryMakeMarkPipe(options, user);
                target = Target.Start(options, options.AsRoot ? null : user, marks is null ? [] : [(MarkPlaces.Variable, marks.Path)]);
                target.MappedFiles.AsksDebuginfod = options.Debuginfod;
                if (options is { NoCache: false, TakesStacks: true })
                    target.MappedFiles.Cache = CodeCache.TryOpen(options.OnNotice);
                if (options.TakesStacks)
                    target.MappedFiles.ReadAhead();
                captured = Capture(options, target, new MemoryWatch(sink, target), signals, marks);
                marks?.Discard();
                if (captured.Nobody is { } nobody)
                    throw nobody;
            }
            catch
            {
                output.Abandon();
                throw;
            }

            var failures = new RecordFailures(options.Output, output.SpoolPath);
            failures.Add(captured, sink.Failure, spool.Length == 0);
            var finalizeTime = Stopwatch.StartNew();
            var trace = TryFinalize(options, output, spool, target.MappedFiles, failures);
            finalizeTime.Stop();
            var exitStatus = captured.Ending.ExitStatus ?? target.WaitForCommand();
            if (trace?.Notice is { } notice)
                options.OnNotice?.Invoke(notice);
            if (trace is not null && options.NamesJitCode(trace.Metadata.StackRecording))
                JitSwitches.DeleteMaps(trace.Metadata);
            return new RecordResult(trace?.Path ?? options.Output, trace?.Bytes ?? 0, trace?.Metadata, spool.Length, finalizeTime.Elapsed, exitStatus)
            {
                Failures = failures.All,
            };
        }
        finally
        {
            target?.Dispose();
            marks?.Dispose();
        }
    }

    /// <summary>Makes the trace from a spool whose recorder was killed.</summary>
    /// <param name="noCache">See <see cref="RecordOptions.NoCache"/>.</param>
    public static RecordResult Recover(
        string spoolPath, string outputPath, ExistingOutput existing, bool noCache, Action<string>? onNotice, Action<FinalizeProgress?>? onFinalizing)
    {
        MemoryBudget.LimitHeap();
        SpoolReader.RefuseIfRecording(spoolPath);
        using var output = OutputFile.Prepare(outputPath, existing, InvokingUser.FromSudo(Libc.Geteuid() == 0));
        var time = Stopwatch.StartNew();
        using var files = new MappedFiles { Cache = noCache ? null : CodeCache.TryOpen(onNotice) };
        var trace = WriteRecovered(output, spoolPath, files, onFinalizing);
        return new RecordResult(trace.Path, trace.Bytes, trace.Metadata, new FileInfo(spoolPath).Length, time.Elapsed, trace.Metadata.Receipt.ExitStatus);
    }

    private static CaptureResult Capture(RecordOptions options, Target target, IRecordSink sink, EndSignals signals, MarkPipe? marks)
    {
        if (options.OnCapturing is not { } report)
            return CaptureRun.Run(options, target, sink, signals, marks);
        try
        {
            return CaptureRun.Run(options, target, new ProgressSink(sink, report), signals, marks);
        }
        finally
        {
            report(null);
        }
    }

    /// <summary>Whoever the target belongs to may set marks.</summary>
    /// <returns>Null: none can be set, which is no reason not to record.</returns>
    private static MarkPipe? TryMakeMarkPipe(RecordOptions options, InvokingUser? user)
    {
        try
        {
            FileOwner? owner = Libc.Geteuid() != 0 ? null
                : options.Pid is { } pid && FoundFile.Read($"/proc/{pid}") is { } process ? new FileOwner(process.Owner, process.Group)
                : user is null || options.AsRoot ? null
                : new FileOwner(user.Uid, user.Gid);
            return MarkPipe.Create(owner);
        }
        catch (IOException e)
        {
            options.OnNotice?.Invoke($"{MarkPlaces.OwnParent}: {e.Message}, so no marks can be set");
            return null;
        }
    }

    /// <summary>Whatever fails here, the command is waited for and its status is returned.</summary>
    private static WrittenTrace? TryFinalize(RecordOptions options, OutputFile output, SpoolWriter spool, MappedFiles files, RecordFailures failures)
    {
        try
        {
            if (spool.Length == 0)
            {
                output.Abandon();
                return null;
            }

            var trace = WriteTrace(output, output.SpoolPath, () => new SpoolReader(output.SpoolPath, spool.Handle), files, options.OnFinalizing);
            output.Abandon();
            return trace;
        }
        catch (Exception e)
        {
            failures.AddFinalizing(e);
            return null;
        }
    }

    private static WrittenTrace WriteRecovered(OutputFile output, string spoolPath, MappedFiles files, Action<FinalizeProgress?>? onFinalizing)
    {
        try
        {
            return WriteTrace(output, spoolPath, () => new SpoolReader(spoolPath), files, onFinalizing, isRecovery: true);
        }
        catch (Exception e) when (e is InvalidDataException or MetadataException)
        {
            throw SpoolReader.Damaged(spoolPath, e);
        }
    }

    private static WrittenTrace WriteTrace(
        OutputFile output, string spoolPath, Func<SpoolReader> open, MappedFiles files, Action<FinalizeProgress?>? onFinalizing, bool isRecovery = false)
    {
        try
        {
            return output.Finalize(spoolPath, stream =>
            {
                using var reader = open();
                using var finalizer = new TraceFinalizer(reader, stream, files, progress => onFinalizing?.Invoke(progress), isRecovery);
                return finalizer.Run();
            });
        }
        finally
        {
            onFinalizing?.Invoke(null);
        }
    }
}
