using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Kernel;

/// <param name="Type">As C writes it: "struct vm_area_struct *".</param>
public sealed record FunctionArgument(string Name, string Type);

/// <summary>
/// A function's declaration in this kernel. Arguments change between versions (handle_mm_fault lost mm in 4.8 and
/// gained regs in 5.9), and a tracer that reads them at fixed positions prints flags as addresses.
/// </summary>
public sealed record Prototype(string Declaration, IReadOnlyList<FunctionArgument> Arguments)
{
    /// <summary>Null when the BTF has no such function.</summary>
    internal static Prototype? Of(Btf btf, string function)
    {
        if (btf.FindFunction(function) is not { } id)
            return null;
        var prototype = btf.Target(id);
        var arguments = btf.Parameters(prototype).Select(parameter => new FunctionArgument(parameter.Name, Declare(btf, parameter.Type, "")));
        return new Prototype(Declare(btf, prototype, function), [.. arguments]);
    }

    // C declarators read inside out, so the part of the declarator that is already built is passed down to the type.
    private static string Declare(Btf btf, uint type, string inner)
    {
        switch (btf.Kind(type))
        {
            case BtfKind.Pointer:
                var target = btf.Target(type);
                var binds = btf.Kind(target) is BtfKind.FunctionPrototype or BtfKind.Array;
                return Declare(btf, target, binds ? $"(*{inner})" : $"*{inner}");
            case BtfKind.Array:
                var (element, count) = btf.Array(type);
                return Declare(btf, element, $"{inner}[{count}]");
            case BtfKind.FunctionPrototype:
                return Declare(btf, btf.Target(type), $"{inner}({Parameters(btf, type)})");
            case BtfKind.Const:
                return Qualify(btf, type, "const", inner);
            case BtfKind.Volatile:
                return Qualify(btf, type, "volatile", inner);
            case BtfKind.Restrict:
                return Qualify(btf, type, "restrict", inner);
            case BtfKind.TypeTag:
                return Declare(btf, btf.Target(type), inner);
            default:
                return Join(Named(btf, type), inner);
        }
    }

    private static string Parameters(Btf btf, uint prototype)
    {
        var parameters = btf.Parameters(prototype);
        if (parameters.Count == 0)
            return "void";
        return string.Join(", ", parameters.Select(parameter => parameter is ("", 0) ? "..." : Declare(btf, parameter.Type, parameter.Name)));
    }

    private static string Qualify(Btf btf, uint type, string word, string inner)
    {
        var target = btf.Target(type);
        return btf.Kind(target) == BtfKind.Pointer
            ? Declare(btf, target, Join(word, inner))
            : $"{word} {Declare(btf, target, inner)}";
    }

    private static string Named(Btf btf, uint type)
    {
        var keyword = btf.Kind(type) switch
        {
            BtfKind.Struct => "struct ",
            BtfKind.Union => "union ",
            BtfKind.Enum or BtfKind.Enum64 => "enum ",
            BtfKind.Forward => btf.IsUnionForward(type) ? "union " : "struct ",
            _ => "",
        };
        var name = btf.Name(type);
        return name.Length == 0 ? $"{keyword}{{…}}" : keyword + name;
    }

    private static string Join(string left, string right) => right.Length == 0 ? left : $"{left} {right}";
}
