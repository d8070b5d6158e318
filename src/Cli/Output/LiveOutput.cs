using Faultrec.Analyzer;
using Faultrec.Recorder.Live;
using Faultrec.Traces;

namespace Faultrec.Cli.Output;

/// <summary>What a capture shows, as text into a stream that may be slow, full or closed.</summary>
internal sealed class LiveOutput(Stream output, Func<TraceMetadata, Stream, ILiveText> create) : ILiveView
{
    private ILiveText? _text;

    public long Matched => _text?.Matched ?? 0;

    public void Start(TraceMetadata metadata) => _text = create(metadata, output);

    public bool Show(FaultBatch faults, MissedFaults before) => TryWrite(text =>
    {
        if (!before.IsEmpty)
            text.Missed(before.NotShown, before.Lost);
        text.Write(faults);
    });

    public bool Advance(long reachedNs) => TryWrite(text => text.Advance(reachedNs));

    public void End(long endNs) => TryWrite(text => text.End(endNs));

    /// <exception cref="FaultrecException">The place cannot be written.</exception>
    public static Stream Open(string? path)
    {
        if (path is null or "-")
            return OutputTarget.OpenStdout();
        try
        {
            return LiveFile.Create(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Failure(path, e);
        }
    }

    public static FaultrecException Failure(string? path, Exception e)
        => new(ExitCode.NotPermitted, $"{path ?? "stdout"}: cannot be written ({e.Message}); expected a writable place; choose another with -o", e);

    private bool TryWrite(Action<ILiveText> write)
    {
        try
        {
            write(_text!);
            return true;
        }
        catch (IOException e) when (OutputTarget.IsBrokenPipe(e))
        {
            return false; // `| head` has seen enough.
        }
    }
}
