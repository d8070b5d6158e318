using Mono.Cecil;
using Mono.Cecil.Rocks;

namespace Faultrec.Cli.Tests;

/// <summary>Which folder of src/ uses which, from the compiled types: a folder is a namespace.</summary>
internal static class FolderArrows
{
    private const string Root = "Faultrec.";

    private static readonly string[] Assemblies = ["Faultrec.Traces", "Faultrec.Recorder", "Faultrec.Analyzer", "Faultrec.Query", "Faultrec.Replay",
        "faultrec"];

    /// <summary>Of each folder of the projects ("Analyzer.Scan"), those it uses, in the order of their names.</summary>
    public static SortedDictionary<string, SortedSet<string>> Read(string folder)
    {
        var arrows = new SortedDictionary<string, SortedSet<string>>(StringComparer.Ordinal);
        foreach (var name in Assemblies)
        {
            using var assembly = AssemblyDefinition.ReadAssembly(Path.Combine(folder, name + ".dll"));
            foreach (var type in assembly.MainModule.GetAllTypes())
            {
                if (FolderOf(type) is not { } from)
                    continue;
                if (!arrows.TryGetValue(from, out var uses))
                    arrows.Add(from, uses = new SortedSet<string>(StringComparer.Ordinal));
                uses.UnionWith(TypesOf(type).SelectMany(Parts).Select(FolderOf).OfType<string>().Where(to => to != from));
            }
        }

        return arrows;
    }

    private static IEnumerable<TypeReference?> TypesOf(TypeDefinition type)
        =>
        [
            type.BaseType, .. type.Interfaces.Select(item => item.InterfaceType), .. type.Fields.Select(item => item.FieldType),
            .. type.Properties.Select(item => item.PropertyType), .. type.CustomAttributes.SelectMany(TypesOf), .. type.Methods.SelectMany(TypesOf),
        ];

    private static IEnumerable<TypeReference?> TypesOf(MethodDefinition method)
    {
        List<TypeReference?> types = [.. TypesOf((MethodReference)method), .. method.CustomAttributes.SelectMany(TypesOf)];
        if (!method.HasBody)
            return types;
        types.AddRange(method.Body.Variables.Select(variable => variable.VariableType));
        foreach (var operand in method.Body.Instructions.Select(instruction => instruction.Operand))
        {
            switch (operand)
            {
                case TypeReference type:
                    types.Add(type);
                    break;
                case FieldReference field:
                    types.AddRange([field.DeclaringType, field.FieldType]);
                    break;
                case MethodReference called:
                    types.AddRange(TypesOf(called));
                    break;
                default:
                    break;
            }
        }

        return types;
    }

    private static IEnumerable<TypeReference?> TypesOf(MethodReference method)
        =>
        [
            method.DeclaringType, method.ReturnType, .. method.Parameters.Select(parameter => parameter.ParameterType),
            .. method is GenericInstanceMethod generic ? generic.GenericArguments : [],
        ];

    private static IEnumerable<TypeReference?> TypesOf(CustomAttribute attribute)
        => [attribute.AttributeType, .. attribute.ConstructorArguments.Select(argument => argument.Value).OfType<TypeReference>()];

    /// <summary>A list of regions is a list and a region.</summary>
    private static IEnumerable<TypeReference> Parts(TypeReference? type) => type switch
    {
        null => [],
        GenericInstanceType generic => [generic.ElementType, .. generic.GenericArguments.SelectMany(Parts)],
        TypeSpecification of => Parts(of.ElementType),
        _ => [type],
    };

    /// <summary>Null: not of this repository.</summary>
    private static string? FolderOf(TypeReference type)
    {
        while (type.DeclaringType is { } outer)
            type = outer;
        return type.Namespace.StartsWith(Root, StringComparison.Ordinal) ? type.Namespace[Root.Length..] : null;
    }
}
