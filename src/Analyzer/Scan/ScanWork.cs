namespace Faultrec.Analyzer.Scan;

/// <summary>Hands the row groups of a scan to its threads, and gives them turns if order matters.</summary>
internal sealed class ScanWork(List<int> groups)
{
    private readonly object _gate = new();
    private int _taken;
    private int _passed;
    private bool _stopped;

    /// <param name="turn">Place of the group among those of the scan.</param>
    /// <returns>False when all groups are taken, or the scan was stopped.</returns>
    public bool TryTake(out int turn, out int group)
    {
        lock (_gate)
        {
            turn = _taken;
            group = 0;
            if (_stopped || turn == groups.Count)
                return false;
            group = groups[turn];
            _taken++;
            return true;
        }
    }

    /// <summary>Returns when the groups before this one have passed. A waiting thread holds no earlier group, so some thread always proceeds.</summary>
    /// <returns>False when the scan was stopped.</returns>
    public bool WaitFor(int turn)
    {
        lock (_gate)
        {
            while (_passed < turn && !_stopped)
                Monitor.Wait(_gate);
            return !_stopped;
        }
    }

    public void Pass()
    {
        lock (_gate)
        {
            _passed++;
            Monitor.PulseAll(_gate);
        }
    }

    public void Stop()
    {
        lock (_gate)
        {
            _stopped = true;
            Monitor.PulseAll(_gate);
        }
    }
}
