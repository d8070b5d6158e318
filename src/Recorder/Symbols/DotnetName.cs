using System.Text;
using System.Text.RegularExpressions;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// Turns the runtime's spelling of a method into that of C# source: "void [Shop] Shop::Handle(class
/// Request)[OptimizedTier1]" becomes "Shop.Handle(Request)" (PerfMap::LogJITCompiledMethod, src/coreclr/vm/perfmap.cpp).
/// </summary>
internal static partial class DotnetName
{
    // II.23.2.16 of ECMA-335 and what C# calls them.
    private static readonly Dictionary<string, string> Keywords = new()
    {
        ["int8"] = "sbyte",
        ["uint8"] = "byte",
        ["unsigned int8"] = "byte",
        ["int16"] = "short",
        ["uint16"] = "ushort",
        ["unsigned int16"] = "ushort",
        ["int32"] = "int",
        ["uint32"] = "uint",
        ["unsigned int32"] = "uint",
        ["int64"] = "long",
        ["uint64"] = "ulong",
        ["unsigned int64"] = "ulong",
        ["float32"] = "float",
        ["float64"] = "double",
        ["native int"] = "nint",
        ["native uint"] = "nuint",
        ["unsigned native int"] = "nuint",
        ["System.String"] = "string",
        ["System.Object"] = "object",
    };

    /// <returns>Null: not a name in that spelling.</returns>
    public static string? Parse(string text)
    {
        var assembly = text.IndexOf(" [", StringComparison.Ordinal);
        var begin = assembly < 0 ? -1 : text.IndexOf("] ", assembly, StringComparison.Ordinal);
        var tier = text.LastIndexOf(")[", StringComparison.Ordinal);
        if (begin < 0 || tier < begin || text.IndexOf("::", begin, StringComparison.Ordinal) is not (>= 0 and var colons))
            return null;
        var open = text.IndexOf('(', colons);
        if (open < 0 || open > tier)
            return null;
        var type = text[(begin + 2)..colons];
        var method = text[(colons + 2)..open];
        var arguments = string.Join(", ", Split(text[(open + 1)..tier]).Select(TypeName));
        return $"{Method(type, method)}({arguments})";
    }

    // Lambdas, local functions and state machines have compiler-generated names, which contain the one in the source.
    private static string Method(string type, string method)
    {
        if (method == "MoveNext" && StateMachine().Match(type) is { Success: true } machine)
            return $"{TypeName(type.Remove(machine.Index, machine.Length))}.{machine.Groups["name"].Value}";
        var owner = TypeName(Closure().Replace(type, ""));
        if (GeneratedMethod().Match(method) is { Success: true } made)
        {
            var (outer, local) = (made.Groups["name"].Value.Trim('<', '>', '$'), made.Groups["local"].Value);
            return made.Groups["kind"].Value switch
            {
                "b" => $"{owner}.{outer}.lambda",
                "g" => $"{owner}.{outer}.{local}",
                _ => $"{owner}.{outer}",
            };
        }

        return method switch
        {
            ".ctor" => $"new {owner}",
            ".cctor" => $"static {owner}",
            _ => $"{owner}.{Generics(method)}",
        };
    }

    private static string TypeName(string type)
    {
        var name = type.Trim();
        foreach (var prefix in (string[])["instance ", "class ", "valuetype ", "value class "])
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal))
                name = name[prefix.Length..];
        }
        // "[System.Private.CoreLib]System.String"
        if (name.StartsWith('[') && name.IndexOf(']') is > 1 and var end && end + 1 < name.Length)
            name = name[(end + 1)..];
        var suffix = name.Length;
        while (suffix > 0 && (name[suffix - 1] is '&' or '*' || name.AsSpan(0, suffix).EndsWith("[]")))
            suffix -= name[suffix - 1] == ']' ? 2 : 1;
        var (bare, rest) = (name[..suffix], name[suffix..]);
        return rest.EndsWith('&') ? $"ref {Keyword(bare)}{rest[..^1]}" : Keyword(bare) + rest;
    }

    // The runtime does not say what a generic parameter stands for: !0, !!0, or the type that all classes share.
    private static string Keyword(string name)
        => name is "System.__Canon" || name.StartsWith('!') ? "T" : Keywords.GetValueOrDefault(name) ?? Generics(name).Replace('+', '.').Replace('/', '.');

    // "List`1[class Item]" and "List`1<class Item>"
    private static string Generics(string name)
    {
        var tick = name.IndexOf('`');
        var open = name.IndexOfAny(['[', '<'], tick < 0 ? 0 : tick);
        if (open < 1 || name[^1] is not (']' or '>'))
            return tick < 0 ? name : Arity().Replace(name, "");
        var arguments = string.Join(", ", Split(name[(open + 1)..^1]).Select(TypeName));
        return $"{Arity().Replace(name[..open], "")}<{arguments}>";
    }

    // Split at the commas outside brackets.
    private static List<string> Split(string list)
    {
        var (parts, part, depth) = (new List<string>(), new StringBuilder(), 0);
        foreach (var letter in list)
        {
            depth += letter switch { '[' or '<' or '(' => 1, ']' or '>' or ')' => -1, _ => 0 };
            if (letter == ',' && depth == 0)
            {
                parts.Add(part.ToString());
                part.Clear();
            }
            else
            {
                part.Append(letter);
            }
        }

        if (part.Length > 0)
            parts.Add(part.ToString());
        return parts;
    }

    [GeneratedRegex(@"\+<(?<name>[^<>]+)>d(__\d+)?(`\d+)?(\[.*\])?$", RegexOptions.CultureInvariant)]
    private static partial Regex StateMachine();

    [GeneratedRegex(@"\+<>c(__DisplayClass\w*)?(`\d+)?(\[.*\])?$", RegexOptions.CultureInvariant)]
    private static partial Regex Closure();

    [GeneratedRegex(@"^<(?<name>[^<>]+|<Main>\$)>((?<kind>[bg])__(?<local>[^|]*).*|\$)$", RegexOptions.CultureInvariant)]
    private static partial Regex GeneratedMethod();

    [GeneratedRegex(@"`\d+", RegexOptions.CultureInvariant)]
    private static partial Regex Arity();
}
