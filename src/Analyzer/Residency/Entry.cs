namespace Faultrec.Analyzer.Residency;

/// <summary>Pages of one owner that became resident one after the other, with nothing else in between.</summary>
internal struct Entry
{
    public long Pages { get; private set; }

    /// <summary>Sum of the times at which they did.</summary>
    public double TimesNs { get; private set; }

    /// <summary>When the last of them did.</summary>
    public long LastNs { get; private set; }

    public void Add(long timeNs)
    {
        Pages++;
        TimesNs += timeNs;
        LastNs = timeNs;
    }
}
