using System.Text;

namespace Faultrec.Recorder.Kernel;

/// <summary>A file of the kernel that lists functions, one per line.</summary>
internal sealed class NameList
{
    private readonly HashSet<string> _names;

    private NameList(HashSet<string> names) => _names = names;

    public bool Contains(string function) => _names.Contains(function);

    /// <summary>tracefs, available_filter_functions: what ftrace can hook, "NAME" or "NAME [MODULE]".</summary>
    public static NameList OfFilterFunctions(byte[] text) => Parse(text, line => line.Split(' ')[0]);

    /// <summary>debugfs, kprobes/blacklist: "0xSTART-0xEND\tNAME", and a module's name after it.</summary>
    public static NameList OfBlacklist(byte[] text)
        => Parse(text, line => line.Split('\t') is [_, var name, ..] ? name.Split(' ')[0] : "");

    private static NameList Parse(byte[] text, Func<string, string> nameOf)
        => new([.. Encoding.ASCII.GetString(text).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(nameOf).Where(name => name.Length > 0)]);
}
