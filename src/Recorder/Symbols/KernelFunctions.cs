using System.Buffers.Text;
using System.Text;
using Faultrec.Recorder.Doctoring;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// Names of the running kernel's functions by address, from /proc/kallsyms: lines "ADDRESS TYPE NAME" and, for a module,
/// "\t[MODULE]". It has no sizes, so a function reaches to the next.
/// </summary>
internal sealed class KernelFunctions
{
    private readonly byte[] _text;
    private readonly ulong[] _addresses;
    private readonly int[] _names; // offsets in the text

    /// <param name="text">Without addresses (kptr_restrict) nothing has a name.</param>
    public KernelFunctions(byte[] text)
    {
        _text = text;
        var (addresses, names) = (new List<ulong>(), new List<int>());
        for (var at = 0; at < text.Length;)
        {
            var length = text.AsSpan(at).IndexOf((byte)'\n');
            var line = length < 0 ? text.AsSpan(at) : text.AsSpan(at, length);
            if (Utf8Parser.TryParse(line, out ulong address, out var digits, 'x') && address != 0 && digits + 3 < line.Length
                && KernelSymbols.IsFunction(line[digits + 1]))
            {
                addresses.Add(address);
                names.Add(at + digits + 3);
            }
            at += line.Length + 1;
        }
        (_addresses, _names) = ([.. addresses], [.. names]);
        Array.Sort(_addresses, _names);
    }

    public static KernelFunctions OfKernel() => new(KernelFile.Read(KernelSymbols.Path).Bytes ?? []);

    /// <returns>Null where no function begins at or before it.</returns>
    public string? Find(ulong address)
    {
        var index = Array.BinarySearch(_addresses, address);
        index = index >= 0 ? index : ~index - 1;
        return index < 0 ? null : NameAt(_names[index]);
    }

    private string NameAt(int start)
    {
        var rest = _text.AsSpan(start);
        var end = rest.IndexOfAny((byte)'\n', (byte)'\t');
        return Encoding.ASCII.GetString(end < 0 ? rest : rest[..end]);
    }
}
