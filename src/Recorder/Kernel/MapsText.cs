using System.Globalization;
using Faultrec.Traces.Ledger;

namespace Faultrec.Recorder.Kernel;

internal readonly record struct MapsLine(ulong Start, ulong End, ulong FileOffset, MappingIdentity Identity);

/// <summary>/proc/PID/maps, proc_pid_maps(5): start-end perms offset dev inode name.</summary>
internal static class MapsText
{
    public static IEnumerable<MapsLine> Parse(string maps) => maps.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(ParseLine);

    /// <exception cref="InvalidDataException">The kernel has written no such line.</exception>
    private static MapsLine ParseLine(string line)
    {
        var fields = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
        if (fields is not [var range, { Length: 4 } prot, var offset, var device, var inode, .. var name]
            || range.Split('-') is not [var from, var to] || !TryHex(from, out var start) || !TryHex(to, out var end)
            || !TryHex(offset, out var fileOffset) || !ulong.TryParse(inode, CultureInfo.InvariantCulture, out var number))
        {
            throw new InvalidDataException("a process's maps have a line that is none");
        }

        return new MapsLine(start, end, fileOffset, MappingIdentity.Of(name is [var text] ? text.TrimStart() : "", prot, number, device));
    }

    private static bool TryHex(string text, out ulong number) => ulong.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number);
}
