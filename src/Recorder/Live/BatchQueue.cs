using Faultrec.Traces.Columns;

namespace Faultrec.Recorder.Live;

internal readonly record struct Delivery(FaultBatch Faults, MissedFaults Before);

/// <summary>
/// Passes full batches from the drain loop to the view's thread and empty ones back. The drain loop never waits; memory is
/// bounded by the number of batches, which are created only if a view is slow enough to need them.
/// </summary>
internal sealed class BatchQueue(int maxBatches, int rowsEach)
{
    private readonly object _lock = new();
    private readonly Queue<Delivery> _waiting = new();
    private readonly Stack<FaultBatch> _free = new();
    private int _made;
    private long _reachedNs;
    private bool _isComplete;

    /// <summary>Nothing waits for the view.</summary>
    public bool IsEmpty
    {
        get
        {
            lock (_lock)
                return _waiting.Count == 0;
        }
    }

    /// <summary>Empty, and nothing more will come.</summary>
    public bool IsFinished
    {
        get
        {
            lock (_lock)
                return _isComplete && _waiting.Count == 0;
        }
    }

    /// <summary>An empty batch; null: all batches wait for the view.</summary>
    public FaultBatch? TryRent()
    {
        lock (_lock)
        {
            if (_free.TryPop(out var batch))
                return batch;
            if (_made == maxBatches)
                return null;
            _made++;
            return new FaultBatch(rowsEach);
        }
    }

    public void Return(FaultBatch batch)
    {
        batch.Count = 0;
        lock (_lock)
            _free.Push(batch);
    }

    public void Add(Delivery delivery)
    {
        lock (_lock)
        {
            _waiting.Enqueue(delivery);
            Monitor.Pulse(_lock);
        }
    }

    /// <summary>All faults before this time were added.</summary>
    public void Advance(long reachedNs)
    {
        lock (_lock)
            _reachedNs = reachedNs;
    }

    public void Complete()
    {
        lock (_lock)
        {
            _isComplete = true;
            Monitor.Pulse(_lock);
        }
    }

    /// <param name="reachedNs">Of <see cref="Advance"/>.</param>
    /// <returns>False: nothing came within the time, or nothing will.</returns>
    public bool TryTake(int timeoutMs, out Delivery delivery, out long reachedNs)
    {
        lock (_lock)
        {
            if (_waiting.Count == 0 && !_isComplete)
                _ = Monitor.Wait(_lock, timeoutMs);
            reachedNs = _reachedNs;
            return _waiting.TryDequeue(out delivery);
        }
    }
}
