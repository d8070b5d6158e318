using System.Text;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// Turns a method's name into that of Java source, "Shop.handle(Request)", from HotSpot's map ("void Shop.handle(Request)") or from
/// the jitdump of perf's agent ("LShop;handle(LRequest;)V"; JVMS 4.3, descriptors).
/// </summary>
internal static class JavaName
{
    /// <returns>Null: not a name in one of these spellings.</returns>
    public static string? Parse(string text)
    {
        if (text.Length > 2 && text[0] == 'L' && text.IndexOf(';') is > 1 and var end && text.IndexOf('(', end) is > 0 and var open)
            return ParseDescriptor(text, end, open);
        // A type, a blank, a dotted name, arguments: nothing else that is made at run time is spelled so.
        var bracket = text.IndexOf('(');
        var blank = bracket < 0 ? -1 : text.LastIndexOf(' ', bracket);
        return blank > 0 && text[^1] == ')' && text.IndexOf(' ') == blank && text.IndexOf('.', blank) is > 0 and var dot && dot < bracket
            ? text[(blank + 1)..]
            : null;
    }

    private static string? ParseDescriptor(string text, int end, int open)
    {
        var arguments = new List<string>();
        var at = open + 1;
        while (at < text.Length && text[at] != ')')
        {
            if (TakeType(text, ref at) is not { } type)
                return null;
            arguments.Add(type);
        }

        var method = text[(end + 1)..open].TrimStart(':', '.');
        return method.Length == 0 ? null : $"{text[1..end].Replace('/', '.')}.{method}({string.Join(", ", arguments)})";
    }

    private static string? TakeType(string text, ref int at)
    {
        var dimensions = 0;
        for (; at < text.Length && text[at] == '['; at++)
            dimensions++;
        if (at == text.Length)
            return null;
        string? name;
        if (text[at] == 'L' && text.IndexOf(';', at) is > 0 and var end)
        {
            name = text[(at + 1)..end].Replace('/', '.');
            at = end;
        }
        else
        {
            name = text[at] switch
            {
                'Z' => "boolean",
                'B' => "byte",
                'C' => "char",
                'S' => "short",
                'I' => "int",
                'J' => "long",
                'F' => "float",
                'D' => "double",
                _ => null,
            };
        }

        at++;
        return name is null ? null : new StringBuilder(name).Insert(name.Length, "[]", dimensions).ToString();
    }
}
