using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>A function that the compiler put into its caller, and where that called it.</summary>
internal readonly record struct InlinedFunction(string? Name, string? CallFile, int? CallLine);

/// <summary>By DWARF's DW_TAG_inlined_subroutine, where a module has debug information.</summary>
internal static unsafe class InlinedFunctions
{
    /// <summary>The innermost first.</summary>
    public static IReadOnlyList<InlinedFunction> At(nint module, ulong address)
    {
        ulong bias;
        var unit = Libdw.ModuleAddressDie(module, address, &bias);
        Libdw.Die* scopes = null;
        var count = unit == null ? 0 : Libdw.Scopes(unit, address - bias, &scopes);
        if (count <= 0)
            return [];
        // Behind an inlined function these go on with where it was written; what is wanted is where it was put.
        var innermost = default(Libdw.Die);
        for (var i = 0; i < count && innermost.Address == 0; i++)
        {
            if (Libdw.Tag(&scopes[i]) is Libdw.TagInlined or Libdw.TagSubprogram)
                innermost = scopes[i];
        }
        NativeMemory.Free(scopes); // of malloc, as below
        if (innermost.Address == 0 || (count = Libdw.ScopesOf(&innermost, &scopes)) <= 0)
            return [];
        var found = new List<InlinedFunction>();
        for (var i = 0; i < count && Libdw.Tag(&scopes[i]) != Libdw.TagSubprogram; i++)
        {
            if (Libdw.Tag(&scopes[i]) == Libdw.TagInlined)
                found.Add(new InlinedFunction(NameOf(&scopes[i]), CallFile(unit, &scopes[i]), Number(&scopes[i], Libdw.AttributeCallLine)));
        }
        NativeMemory.Free(scopes);
        return found;
    }

    private static string? NameOf(Libdw.Die* die)
        => Text(die, Libdw.AttributeLinkageName) is { } linkage ? Demangler.Demangle(linkage) : Text(die, Libdw.AttributeName);

    private static string? CallFile(Libdw.Die* unit, Libdw.Die* die)
    {
        nint files;
        nuint count;
        return Number(die, Libdw.AttributeCallFile) is { } index && Libdw.SourceFiles(unit, &files, &count) == 0 && (nuint)index < count
            ? Marshal.PtrToStringUTF8((nint)Libdw.SourceFile(files, (nuint)index, null, null))
            : null;
    }

    private static int? Number(Libdw.Die* die, uint name)
    {
        Libdw.Attribute attribute;
        ulong value;
        return Libdw.FindAttribute(die, name, &attribute) != null && Libdw.AttributeNumber(&attribute, &value) == 0 && value is > 0 and <= int.MaxValue
            ? (int)value
            : null;
    }

    private static string? Text(Libdw.Die* die, uint name)
    {
        Libdw.Attribute attribute;
        return Libdw.FindAttribute(die, name, &attribute) == null ? null : Marshal.PtrToStringUTF8((nint)Libdw.AttributeText(&attribute));
    }
}
