using Faultrec.Analyzer.Live;
using Faultrec.Recorder.Live;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;
using Faultrec.Traces.Output;

namespace Faultrec.Cli.Output;

/// <summary>What a capture shows, as text into a stream that may be slow, full or closed.</summary>
/// <param name="showsAll">Frames and instructions too, which may be for the owner's eyes.</param>
internal sealed class LiveOutput(LiveTarget target, bool showsAll, Func<TraceMetadata, Stream, ILiveText> create) : ILiveView
{
    private ILiveText? _text;

    public long Matched => _text?.Matched ?? 0;

    public void Start(TraceMetadata metadata)
    {
        target.Begin(showsAll && TraceSecrets.AreIn(metadata));
        _text = create(metadata, target.Stream);
    }

    public bool Show(FaultBatch faults, MissedFaults before) => TryWrite(text =>
    {
        if (!before.IsEmpty)
            text.Missed(before.NotShown, before.Lost);
        text.Write(faults);
    });

    public bool Advance(long reachedNs) => TryWrite(text => text.Advance(reachedNs));

    public void End(long endNs) => TryWrite(text => text.End(endNs));

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
