using Faultrec.Analyzer.Measures;

namespace Faultrec.Analyzer.Tables;

internal static class Ordering
{
    /// <summary>Most faults first; <paramref name="tie"/> decides between equals.</summary>
    public static int ByFaults(in FaultCounts a, in FaultCounts b, int tie)
        => b.Faults.CompareTo(a.Faults) is var order && order != 0 ? order : tie;

    /// <summary>Most pages at the peak first, then most of those that were kept; <paramref name="tie"/> decides between equals.</summary>
    public static int ByMemory((long PeakPages, long KeptPages) a, (long PeakPages, long KeptPages) b, int tie)
        => b.CompareTo(a) is var order && order != 0 ? order : tie;
}
