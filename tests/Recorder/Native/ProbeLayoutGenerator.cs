using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Tests.Native;

/// <summary>
/// Makes ProbeLayout.g.cs: every struct and enum that bpf/faultrec.h declares, in its order, as the BTF of the compiled probes has it.
/// Members that begin with an underscore are left out: padding, and those that only bring a type into BTF.
/// </summary>
internal sealed partial class ProbeLayoutGenerator(Btf btf, string header)
{
    private readonly StringBuilder _text = new();

    /// <exception cref="InvalidDataException">BTF lacks something that the header declares, or C# has no word for it.</exception>
    public string Generate()
    {
        // A macro is not in BTF. One that is computed of enumerators is C's own business.
        if (NumericMacro().Match(header) is { Success: true } macro)
            throw new InvalidDataException($"{macro.Groups[1].Value} is a macro, which BTF does not have: make it an enumerator");
        var enums = new HashSet<string>();
        foreach (var declaration in Declaration().Matches(header).Cast<Match>())
        {
            var (isEnum, name) = (declaration.Groups[1].Value == "enum", declaration.Groups[2].Value);
            var id = btf.Find(isEnum ? BtfKind.Enum : BtfKind.Struct, name) ?? throw new InvalidDataException(
                $"BTF has no {declaration.Groups[1].Value} {name}, since nothing in the probes is of that type: give struct probe_totals a member of no size");
            _text.AppendLine();
            if (isEnum)
                AddEnum(name, id);
            else
                AddStruct(name, id);
        }

        return _text.ToString();
    }

    private void AddEnum(string name, uint id)
    {
        var constants = btf.Enumerators(id);
        var prefix = constants[0].Name[..(constants[0].Name.IndexOf('_') + 1)];
        if (constants.FirstOrDefault(constant => !constant.Name.StartsWith(prefix, StringComparison.Ordinal)) is { Name: { } stranger })
            throw new InvalidDataException($"enum {name}: {stranger} does not begin with {prefix} as the first one does");
        if (name.EndsWith("_bits", StringComparison.Ordinal))
            Line("[Flags]");
        Line($"internal enum {Pascal(name)} : {Integer(btf.Size(id), isSigned: false)}");
        Line("{");
        foreach (var (constant, value) in constants)
            Line($"    {Pascal(constant[prefix.Length..])} = {(uint)value},");
        Line("}");
    }

    private void AddStruct(string name, uint id)
    {
        var members = btf.Members(id);
        var shown = members.Where(member => member.Name[0] != '_').ToList();
        // The compiler's comparison of a record has no rule for arrays.
        var kind = shown.Any(member => Resolve(member.Type) is var type && btf.Kind(type) is BtfKind.Array or BtfKind.Struct) ? "struct" : "record struct";
        Line($"[StructLayout(LayoutKind.Explicit, Size = {btf.Size(id)})]");
        Line($"internal partial {kind} {Pascal(name)}");
        Line("{");
        foreach (var member in members.Where(member => member.Name == "_constants"))
            AddConstants(name, btf.Array(Resolve(member.Type)).Element);
        List<(string Name, string Element, uint Count)> arrays = [];
        foreach (var (member, type, bitOffset) in shown)
            Line($"    [FieldOffset({bitOffset / 8})] public {TypeOf(name, member, type, arrays)} {Pascal(member)};");
        foreach (var (array, element, count) in arrays)
        {
            _text.AppendLine();
            Line($"    [InlineArray({count})]");
            Line($"    public struct {array}");
            Line("    {");
            Line($"        private {element} _first;");
            Line("    }");
        }

        Line("}");
    }

    /// <summary>They are named without the words with which the struct's name begins, too: SLAB_NAME_CHARS of slab_objects is NameChars.</summary>
    private void AddConstants(string structure, uint id)
    {
        foreach (var (constant, value) in btf.Enumerators(id))
        {
            var words = constant.Split('_');
            var own = words.Zip(structure.ToUpperInvariant().Split('_')).TakeWhile(pair => pair.First == pair.Second).Count();
            Line($"    public const {(value < 0 ? "uint" : "int")} {Pascal(string.Join('_', words[own..]))} = {(uint)value};");
        }

        _text.AppendLine();
    }

    private string TypeOf(string structure, string member, uint type, List<(string Name, string Element, uint Count)> arrays)
    {
        var resolved = Resolve(type);
        switch (btf.Kind(resolved))
        {
            case BtfKind.Int:
                return Integer(btf.Size(resolved), btf.IsSigned(resolved));
            case BtfKind.Enum or BtfKind.Struct when btf.Name(resolved) is { Length: > 0 } name:
                return Pascal(name);
            case BtfKind.Array when btf.Array(resolved) is var (element, count):
                var array = Pascal(member) + "Array";
                arrays.Add((array, TypeOf(structure, member, element, arrays), count));
                return array;
            default:
                throw new InvalidDataException($"struct {structure}: {member} is of a kind that has no counterpart in C#: {btf.Kind(resolved)}");
        }
    }

    // __u32 is a typedef.
    private uint Resolve(uint type) => btf.Kind(type) is BtfKind.Typedef or BtfKind.Const or BtfKind.Volatile ? Resolve(btf.Target(type)) : type;

    private static string Integer(uint bytes, bool isSigned) => (bytes, isSigned) switch
    {
        (1, false) => "byte",
        (1, true) => "sbyte",
        (2, false) => "ushort",
        (2, true) => "short",
        (4, false) => "uint",
        (4, true) => "int",
        (8, false) => "ulong",
        _ => "long",
    };

    private static string Pascal(string name)
        => string.Concat(name.Split('_').Select(word => char.ToUpperInvariant(word[0]) + word[1..].ToLowerInvariant()));

    private void Line(FormattableString line) => _text.AppendLine(line.ToString(CultureInfo.InvariantCulture));

    private void Line(string line) => _text.AppendLine(line);

    [GeneratedRegex(@"^(struct|enum) (\w+)(?: : \w+)? \{", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex(@"^#define\s+(\w+)\s+-?\d", RegexOptions.Multiline)]
    private static partial Regex NumericMacro();
}
