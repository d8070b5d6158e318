namespace Faultrec.Analyzer.Residency;

/// <summary>The resident pages of one process, as the account has them.</summary>
internal sealed class ProcessPages(int pid)
{
    public int Pid => pid;

    public PageStates States { get; } = new();

    public long Resident { get; private set; }

    /// <summary>The most that were resident at once, and when.</summary>
    public long Peak { get; private set; }

    public long PeakNs { get; private set; }

    /// <summary>Resident when it ended; null: it has not.</summary>
    public long? AtExit { get; private set; }

    /// <summary>Given back by calls, and not resident again.</summary>
    public long GivenBack { get; set; }

    /// <summary>Found missing by later faults, see <see cref="PageOwner.Reclaimed"/>.</summary>
    public long Reclaimed { get; set; }

    /// <summary>Filled inside calls at addresses that are not known, by owner: they are resident until the process ends.</summary>
    public Dictionary<PageOwner, long> Unplaced { get; } = [];

    public void Change(long pages, long nowNs)
    {
        // A process that has the id now, and is not the one that ended.
        if (AtExit is not null)
            AtExit = null;
        Resident += pages;
        if (Resident > Peak)
            (Peak, PeakNs) = (Resident, nowNs);
    }

    /// <summary>Its program ends; what comes after is another process's, or another program's.</summary>
    public void End(bool isExit)
    {
        if (isExit)
            AtExit = Resident;
        (Resident, GivenBack) = (0, 0);
        States.Clear();
        Unplaced.Clear();
    }

    /// <summary>The window begins.</summary>
    public void Restart(long nowNs) => (Peak, PeakNs, Reclaimed) = (Resident, nowNs, 0);
}
