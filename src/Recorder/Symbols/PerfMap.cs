using System.Globalization;
using System.Text;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// /tmp/perf-PID.map: lines of "start size name", both hex, in the order in which the code was made (Linux,
/// tools/perf/Documentation/jit-interface.txt). It has no times; its length at each moment shows which lines existed then.
/// </summary>
internal static class PerfMap
{
    private const int MaxLineBytes = 16 * 1024;
    private const long MaxTextBytes = 128 << 20;

    /// <param name="lengths">How the file grew; null: not known; then every line counts as always there, and of overlapping lines the last.</param>
    /// <param name="damaged">Lines that are invalid, or beyond the limit for a file.</param>
    public static JitCodeTable Read(Stream file, PerfMapLengths? lengths, out long damaged)
    {
        var codes = new List<JitCode>();
        var buffer = new byte[4 * MaxLineBytes];
        var (filled, read, isTooLong) = (0, 0L, false);
        damaged = 0;
        while (file.Read(buffer, filled, buffer.Length - filled) is > 0 and var bytes)
        {
            filled += bytes;
            read += bytes;
            var rest = buffer.AsSpan(0, filled);
            while (rest.IndexOf((byte)'\n') is >= 0 and var end)
            {
                if (isTooLong || Parse(rest[..end]) is not { } code)
                    damaged++;
                else
                    codes.Add(code with { FromNs = lengths?.TimeOf(read - rest.Length) ?? long.MinValue });
                isTooLong = false;
                rest = rest[(end + 1)..];
            }

            if (codes.Count >= JitCodeTable.MaxCodes || read > MaxTextBytes)
            {
                damaged++;
                return new JitCodeTable(codes);
            }

            if (rest.Length > MaxLineBytes)
            {
                isTooLong = true;
                rest = default;
            }

            rest.CopyTo(buffer);
            filled = rest.Length;
        }
        // A writer that was killed leaves half a line.
        damaged += filled > 0 || isTooLong ? 1 : 0;
        return new JitCodeTable(codes);
    }

    private static JitCode? Parse(ReadOnlySpan<byte> line)
    {
        if (TakeHex(ref line) is not { } start || TakeHex(ref line) is not { } size || line.Length == 0 || line.Length > MaxLineBytes)
            return null;
        return size is > 0 and <= JitCodeTable.MaxCodeBytes && start <= ulong.MaxValue - size
            ? new JitCode(start, start + size, long.MinValue, Encoding.UTF8.GetString(line).TrimEnd('\r'))
            : null;
    }

    private static ulong? TakeHex(ref ReadOnlySpan<byte> line)
    {
        var blank = line.IndexOf((byte)' ');
        if (blank <= 0)
            return null;
        var word = line[..blank];
        if (word.StartsWith("0x"u8))
            word = word[2..];
        line = line[(blank + 1)..];
        return ulong.TryParse(word, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) ? value : null;
    }
}
