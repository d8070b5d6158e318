namespace Faultrec.Cli.Output;

/// <summary>What a mistyped word was meant to be.</summary>
internal static class Suggestion
{
    /// <summary>"; did you mean region?", or nothing if no known word is near.</summary>
    public static string For(string word, IEnumerable<string> known)
    {
        // One mistake in a short word, two in a longer one; what only lacks its end is near, too.
        var most = word.Length <= 4 ? 1 : 2;
        var nearest = known
            .Select(candidate => (Name: candidate, Distance: candidate.StartsWith(word, StringComparison.Ordinal) ? 1 : Distance(word, candidate)))
            .Where(candidate => word.Length > 1 && candidate.Distance <= most).OrderBy(candidate => candidate.Distance).Select(candidate => candidate.Name)
            .FirstOrDefault();
        return nearest is null ? "" : $"; did you mean {nearest}?";
    }

    /// <summary>Letters that are missing, too many, wrong or exchanged with their neighbour (optimal string alignment).</summary>
    private static int Distance(string a, string b)
    {
        var costs = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            for (var j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    costs[i, j] = i + j;
                    continue;
                }

                var isSame = a[i - 1] == b[j - 1];
                costs[i, j] = Math.Min(Math.Min(costs[i - 1, j], costs[i, j - 1]) + 1, costs[i - 1, j - 1] + (isSame ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    costs[i, j] = Math.Min(costs[i, j], costs[i - 2, j - 2] + 1);
            }
        }

        return costs[a.Length, b.Length];
    }
}
