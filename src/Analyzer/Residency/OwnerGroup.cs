namespace Faultrec.Analyzer.Residency;

/// <summary>The resident pages of several owners together, over time.</summary>
internal sealed class OwnerGroup
{
    public long Resident { get; private set; }

    /// <summary>The most that were resident at once within the window.</summary>
    public long Peak { get; private set; }

    /// <summary>Number of that moment, as of <see cref="MemoryAccount.PeakNumber"/>.</summary>
    public int PeakNumber { get; private set; } = 1;

    public void Change(long pages)
    {
        Resident += pages;
        if (Resident <= Peak)
            return;
        Peak = Resident;
        PeakNumber++;
    }

    /// <summary>The window begins; the same for each owner that says so.</summary>
    public void Restart()
    {
        Peak = Resident;
        PeakNumber++;
    }
}
