using System.Runtime.ExceptionServices;
using Faultrec.Recorder.Capture;

namespace Faultrec.Recorder.Live;

/// <summary>The view's thread.</summary>
internal sealed class LiveReader
{
    private const int IdleMs = 50;
    private const int PatienceMs = 1000;

    private readonly BatchQueue _queue;
    private readonly ILiveView _view;
    private readonly Action _onGone;
    private readonly Thread _thread;
    private ExceptionDispatchInfo? _failure;
    private long _shown;

    /// <param name="onGone">Nobody watches any more; on the view's thread.</param>
    public LiveReader(BatchQueue queue, ILiveView view, Action onGone)
    {
        (_queue, _view, _onGone) = (queue, view, onGone);
        // A background thread: if it blocks in a write for ever, it must not keep the process alive.
        _thread = new Thread(Run) { IsBackground = true, Name = "view" };
        _thread.Start();
    }

    /// <summary>Faults that the view has taken.</summary>
    public long Shown => Interlocked.Read(ref _shown);

    /// <summary>
    /// Waits until everything in the completed queue was shown. As in any pipeline, it also waits for a stopped reader, until a
    /// signal asks for the end.
    /// </summary>
    /// <returns>False: a signal came, and the view makes no progress.</returns>
    public bool Join(EndSignals signals)
    {
        var (shown, stuckMs) = (Shown, 0);
        while (!_thread.Join(IdleMs))
        {
            stuckMs = signals.Signal != 0 && shown == Shown ? stuckMs + IdleMs : 0;
            shown = Shown;
            if (stuckMs >= PatienceMs)
                return false;
        }

        return true;
    }

    /// <summary>To be called after <see cref="Join"/>: throws the view's failure, if any.</summary>
    public void ThrowIfFailed() => _failure?.Throw();

    private void Run()
    {
        try
        {
            if (!ShowAll())
                _onGone();
        }
        catch (Exception e)
        {
            // Thrown by ThrowIfFailed, on the thread that can report it.
            _failure = ExceptionDispatchInfo.Capture(e);
            _onGone();
        }
    }

    private bool ShowAll()
    {
        while (true)
        {
            if (_queue.TryTake(IdleMs, out var delivery, out var reachedNs))
            {
                if (!_view.Show(delivery.Faults, delivery.Before))
                    return false;
                Interlocked.Add(ref _shown, delivery.Faults.Count);
                _queue.Return(delivery.Faults);
            }
            else if (_queue.IsFinished)
            {
                _view.End(reachedNs);
                return true;
            }
            else if (!_view.Advance(reachedNs))
            {
                return false;
            }
        }
    }
}
