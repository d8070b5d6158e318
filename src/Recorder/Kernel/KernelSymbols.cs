using System.Text;

namespace Faultrec.Recorder.Kernel;

/// <param name="Count">Number of functions with exactly this name: static functions of different files may share one.</param>
/// <param name="Module">Null in the kernel itself.</param>
/// <param name="IsData">A symbol of this name exists, but it is not a function.</param>
/// <param name="Variants">Names the compiler gave to copies and pieces of it: NAME.isra.0, NAME.cold.</param>
internal sealed record SymbolFacts(int Count, string? Module, bool IsData, IReadOnlyList<string> Variants);

/// <summary>
/// /proc/kallsyms, searched as bytes: lines "ADDRESS TYPE NAME" and, for a module, "\t[MODULE]". Everybody may read the names; the
/// addresses, which kptr_restrict hides, do not matter here.
/// </summary>
internal sealed class KernelSymbols(byte[] text)
{
    public const string Path = "/proc/kallsyms";

    /// <summary>Null without CONFIG_KALLSYMS.</summary>
    public static KernelSymbols? Read()
    {
        var bytes = KernelFile.Read(Path).Bytes;
        return bytes is { Length: > 0 } ? new KernelSymbols(bytes) : null;
    }

    public SymbolFacts Find(string name)
    {
        var (count, isData) = (0, false);
        string? module = null;
        var variants = new SortedSet<string>(StringComparer.Ordinal);
        // Longer names also begin with " NAME"; the character after it decides.
        var pattern = Encoding.ASCII.GetBytes(' ' + name);
        for (var at = 0; (at = IndexOf(pattern, at)) >= 0; at += pattern.Length)
        {
            if (at < 2 || text[at - 2] != ' ')
                continue;
            var line = ReadLine(at);
            if (line.Name == name && IsFunction(text[at - 1]))
            {
                count++;
                module = line.Module;
            }
            else if (line.Name == name)
            {
                isData = true;
            }
            else if (line.Name[name.Length] == '.' && IsFunction(text[at - 1]))
            {
                variants.Add(line.Name);
            }
        }

        return new SymbolFacts(count, module, isData && count == 0, [.. variants]);
    }

    /// <summary>The names of functions that are spelled most like this one, nearest first.</summary>
    public IReadOnlyList<string> Similar(string name, int limit)
    {
        var wanted = Encoding.ASCII.GetBytes(name);
        var spelling = new Spelling(wanted);
        var found = new Dictionary<string, int>();
        var rest = text.AsSpan();
        while (rest.Length > 0)
        {
            var end = rest.IndexOf((byte)'\n');
            var line = end < 0 ? rest : rest[..end];
            rest = end < 0 ? default : rest[(end + 1)..];
            var nameAt = line.IndexOf((byte)' ') + 3;
            if (nameAt < 3 || nameAt >= line.Length || !IsFunction(line[nameAt - 2]))
                continue;
            var candidate = line[nameAt..];
            if (candidate.IndexOf((byte)'\t') is >= 0 and var tab)
            {
                // Loaded BPF programs and the pages of kprobes and ftrace are listed like modules, but are not functions.
                if (candidate[tab..].StartsWith("\t[bpf]"u8) || candidate[tab..].StartsWith("\t[__builtin"u8))
                    continue;
                candidate = candidate[..tab];
            }

            if (candidate.SequenceEqual(wanted) || candidate.Contains((byte)'.') || candidate.StartsWith("__pfx_"u8) || candidate.StartsWith("__cfi_"u8))
                continue;
            if (spelling.Distance(candidate) is { } distance)
                found[Encoding.ASCII.GetString(candidate)] = distance;
        }

        return [.. found.OrderBy(pair => pair.Value).ThenBy(pair => Math.Abs(pair.Key.Length - name.Length))
            .ThenBy(pair => pair.Key, StringComparer.Ordinal).Take(limit).Select(pair => pair.Key)];
    }

    // t, T: text; w, W: weak.
    internal static bool IsFunction(byte type) => type is (byte)'t' or (byte)'T' or (byte)'w' or (byte)'W';

    private int IndexOf(byte[] pattern, int start)
        => text.AsSpan(start).IndexOf(pattern) is >= 0 and var at ? start + at : -1;

    private (string Name, string? Module) ReadLine(int space)
    {
        var line = text.AsSpan(space + 1);
        line = line.IndexOf((byte)'\n') is >= 0 and var end ? line[..end] : line;
        var tab = line.IndexOf((byte)'\t');
        return tab < 0
            ? (Encoding.ASCII.GetString(line), null)
            : (Encoding.ASCII.GetString(line[..tab]), Encoding.ASCII.GetString(line[(tab + 1)..].Trim("[]"u8)));
    }
}
