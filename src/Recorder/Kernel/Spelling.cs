namespace Faultrec.Recorder.Kernel;

/// <summary>
/// Distance of a name from the wanted one: edits (insert, delete, change, swap of neighbours), or whether the name contains the wanted one.
/// Bounded, so that the hundreds of thousands of names in a kernel take milliseconds.
/// </summary>
internal sealed class Spelling(byte[] wanted)
{
    private readonly int _limit = Math.Max(1, Math.Min(8, wanted.Length / 3));
    private readonly int[][] _rows = [new int[wanted.Length + 1], new int[wanted.Length + 1], new int[wanted.Length + 1]];

    /// <summary>Null: too far to be the intended name.</summary>
    public int? Distance(ReadOnlySpan<byte> name)
    {
        if (wanted.Length >= 5 && name.Length <= wanted.Length + 16 && name.IndexOf(wanted) >= 0)
            return Math.Min(_limit, name.Length - wanted.Length);
        return Math.Abs(name.Length - wanted.Length) > _limit ? null : Edits(name);
    }

    // Optimal string alignment, three rows; cells further than the limit from the diagonal cannot matter.
    private int? Edits(ReadOnlySpan<byte> name)
    {
        const int far = 1 << 20;
        var (before, last, row) = (_rows[0], _rows[1], _rows[2]);
        for (var j = 0; j <= wanted.Length; j++)
            last[j] = j;
        Array.Fill(before, far);
        for (var i = 1; i <= name.Length; i++)
        {
            var (from, to) = (Math.Max(1, i - _limit), Math.Min(wanted.Length, i + _limit));
            row[from - 1] = from == 1 ? i : far;
            var best = row[from - 1];
            for (var j = from; j <= to; j++)
            {
                var above = j == i + _limit ? far : last[j];
                var cell = Math.Min(last[j - 1] + (name[i - 1] == wanted[j - 1] ? 0 : 1), Math.Min(above, row[j - 1]) + 1);
                if (i > 1 && j > 1 && name[i - 1] == wanted[j - 2] && name[i - 2] == wanted[j - 1])
                    cell = Math.Min(cell, before[j - 2] + 1);
                row[j] = cell;
                best = Math.Min(best, cell);
            }

            if (best > _limit)
                return null;
            (before, last, row) = (last, row, before);
        }

        return last[wanted.Length] <= _limit ? last[wanted.Length] : null;
    }
}
