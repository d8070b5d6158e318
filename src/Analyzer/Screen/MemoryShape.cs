using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Screen;

/// <summary>How resident memory moved, in words.</summary>
internal static class MemoryShape
{
    /// <summary>Of the peak: a rise or a fall of less is none.</summary>
    private const double Turn = 0.2;

    private const int LeastTurns = 3;

    /// <summary>Points of a line, at least, and how much of their variance it must explain.</summary>
    private const int LeastPoints = 8;

    private const double Straight = 0.98;

    /// <param name="totals">Resident bytes at the end of each bucket.</param>
    /// <param name="bucketNs">Length of a bucket.</param>
    /// <param name="peak">The most that was resident, bytes; it may lie within a bucket.</param>
    /// <param name="peakNs">When that was.</param>
    /// <param name="most">The peak in words.</param>
    /// <returns>The end of "Memory …": "grew to 241.0 MiB in a straight line".</returns>
    public static string Describe(List<long> totals, long bucketNs, long peak, long peakNs, string most)
    {
        if (totals.Count < 2)
            return $"reached {most}";
        var first = totals[0];
        if (totals.All(bytes => bytes >= (1 - (Turn / 2)) * peak))
            return $"stayed at about {most}";
        var falls = Falls(totals, (long)(Turn * peak));
        if (falls >= LeastTurns)
            return $"rose and fell at least {Units.Count(falls)} times, up to {most}";
        if (totals[^1] <= peak / 2)
            return $"rose to {most} at {Units.Duration(peakNs)} and fell to {Units.Bytes(totals[^1])}";
        var top = totals.FindIndex(bytes => bytes >= (1 - (Turn / 2)) * peak);
        if (top >= 0 && top < totals.Count / 4 && totals.Skip(top).All(bytes => bytes >= (1 - Turn) * peak))
            return $"reached {most} within the first {Units.Duration((top + 1) * bucketNs)} and stayed there";
        var from = first >= 1 << 20 ? $"from {Units.Bytes(first)} " : "";
        return $"grew {from}to {most}{Line(totals, bucketNs, peak)}";
    }

    /// <summary>How often it fell by so much and rose by as much again, at least: what happens within a bucket does not show.</summary>
    private static int Falls(List<long> totals, long turn)
    {
        var (falls, high, low, isFalling) = (0, totals[0], totals[0], false);
        foreach (var bytes in totals)
        {
            if (isFalling)
            {
                low = Math.Min(low, bytes);
                if (bytes >= low + turn)
                    (falls, high, isFalling) = (falls + 1, bytes, false);
            }
            else
            {
                high = Math.Max(high, bytes);
                if (bytes <= high - turn)
                    (low, isFalling) = (bytes, true);
            }
        }

        return falls;
    }

    /// <summary>" in a straight line (38 MiB a second)", if the growth is one: by least squares, from where it begins to where it ends.</summary>
    private static string Line(List<long> totals, long bucketNs, long peak)
    {
        var least = totals[0] + ((peak - totals[0]) / 20);
        var begin = Math.Max(totals.FindIndex(bytes => bytes > least) - 1, 0);
        var end = totals.IndexOf(totals.Max(), begin) + 1;
        var count = end - begin;
        if (count < LeastPoints || count < totals.Count / 2)
            return "";
        double meanX = (count - 1) / 2.0, meanY = totals.GetRange(begin, count).Average(bytes => (double)bytes);
        double xx = 0, xy = 0, yy = 0;
        for (var i = 0; i < count; i++)
        {
            var (x, y) = (i - meanX, totals[begin + i] - meanY);
            (xx, xy, yy) = (xx + (x * x), xy + (x * y), yy + (y * y));
        }

        if (yy == 0 || xy * xy < Straight * xx * yy)
            return "";
        var perSecond = (long)(xy / xx * 1e9 / bucketNs);
        return $" in a straight line ({Units.Bytes(perSecond)} a second)";
    }
}
