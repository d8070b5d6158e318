using System.Buffers.Text;
using System.Text;

namespace Faultrec.Recorder.Kernel;

/// <summary>
/// Names of the running kernel's functions by address, from /proc/kallsyms: lines "ADDRESS TYPE NAME" and, for a module,
/// "\t[MODULE]". It has no sizes, so a function extends to the next one.
/// </summary>
internal sealed class KernelFunctions
{
    private readonly ulong[] _addresses;
    private readonly int[] _starts; // in the names
    private readonly byte[] _names; // each with an end of line
    private readonly string _modules;

    private KernelFunctions(Reading reading, string modules)
    {
        _modules = modules;
        (_addresses, _starts, _names) = ([.. reading.Addresses], [.. reading.Starts], reading.Names.ToArray());
        Array.Sort(_addresses, _starts);
    }

    /// <summary>Without addresses (kptr_restrict) nothing has a name.</summary>
    public static KernelFunctions Read()
    {
        // A module that is loaded from here on may be missing in what is read next.
        var modules = Modules();
        var reading = new Reading();
        _ = KernelFile.Read(KernelSymbols.Path, reading.Add);
        return new KernelFunctions(reading, modules);
    }

    /// <summary>The kernel has the same modules as when this was read. Else code may have moved in where another function seems to end.</summary>
    public bool HasSameModules() => _modules == Modules();

    /// <returns>Null if no function begins at or before it.</returns>
    public string? Find(ulong address)
    {
        var index = Array.BinarySearch(_addresses, address);
        index = index >= 0 ? index : ~index - 1;
        return index < 0 ? null : NameAt(_starts[index]);
    }

    // proc_modules(5): name, bytes, users, who they are, state, address.
    private static string Modules()
    {
        var lines = (KernelFile.ReadText("/proc/modules") ?? "").Split('\n');
        return string.Join('\n', lines.Select(line => line.Split(' ')).Select(fields => $"{fields[0]} {fields[^1]}"));
    }

    private string NameAt(int start)
    {
        var rest = _names.AsSpan(start);
        return Encoding.ASCII.GetString(rest[..rest.IndexOf((byte)'\n')]);
    }

    /// <summary>The text has megabytes, of which a third are functions' names: the rest is never kept.</summary>
    private sealed class Reading
    {
        private readonly MemoryStream _cut = new();

        public List<ulong> Addresses { get; } = [];

        public List<int> Starts { get; } = [];

        public MemoryStream Names { get; } = new();

        public void Add(ReadOnlySpan<byte> part)
        {
            for (int end; (end = part.IndexOf((byte)'\n')) >= 0; part = part[(end + 1)..])
            {
                if (_cut.Length == 0)
                {
                    AddLine(part[..end]);
                    continue;
                }

                _cut.Write(part[..end]);
                AddLine(_cut.GetBuffer().AsSpan(0, (int)_cut.Length));
                _cut.SetLength(0);
            }

            _cut.Write(part);
        }

        private void AddLine(ReadOnlySpan<byte> line)
        {
            const int betweenAddressAndName = 3; // " T "
            if (!Utf8Parser.TryParse(line, out ulong address, out var digits, 'x') || address == 0 || digits + betweenAddressAndName >= line.Length
                || !KernelSymbols.IsFunction(line[digits + 1]))
            {
                return;
            }

            Addresses.Add(address);
            Starts.Add((int)Names.Length);
            var name = line[(digits + betweenAddressAndName)..];
            Names.Write(name.IndexOf((byte)'\t') is >= 0 and var tab ? name[..tab] : name);
            Names.WriteByte((byte)'\n');
        }
    }
}
