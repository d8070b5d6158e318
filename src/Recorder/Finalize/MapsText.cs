using System.Globalization;
using Faultrec.Traces;

namespace Faultrec.Recorder.Finalize;

internal readonly record struct MapsLine(ulong Start, ulong End, ulong FileOffset, MappingIdentity Identity);

/// <summary>/proc/PID/maps, proc_pid_maps(5): start-end perms offset dev inode name.</summary>
internal static class MapsText
{
    public static IEnumerable<MapsLine> Parse(string maps) => maps.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(ParseLine);

    private static MapsLine ParseLine(string line)
    {
        var fields = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
        var dash = fields[0].IndexOf('-');
        var identity = MappingIdentity.Of(
            fields.Length > 5 ? fields[5].TrimStart() : "", fields[1], ulong.Parse(fields[4], CultureInfo.InvariantCulture), fields[3]);
        return new MapsLine(Hex(fields[0][..dash]), Hex(fields[0][(dash + 1)..]), Hex(fields[2]), identity);
    }

    private static ulong Hex(string text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
