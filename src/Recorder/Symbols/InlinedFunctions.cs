using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>An inlined function, and the place of its call.</summary>
internal readonly record struct InlinedFunction(string? Name, string? CallFile, int? CallLine);

/// <summary>From DWARF's DW_TAG_inlined_subroutine, if a module has debug information.</summary>
// SAFETY: DIEs and attributes are locals, here or of the caller, whose Dwarf is open and keeps the texts; an index of a file is compared
// with their number.
internal static unsafe class InlinedFunctions
{
    /// <summary>Most functions inlined into each other at one place; compilers' own limits are far lower.</summary>
    private const int MaxDepth = 256;

    /// <summary>The innermost first.</summary>
    /// <param name="unit">That holds the function.</param>
    /// <param name="function">That covers the address.</param>
    public static IReadOnlyList<InlinedFunction> At(Libdw.Die* unit, Libdw.Die* function, ulong address)
    {
        var found = new List<InlinedFunction>();
        AddFrom(found, unit, function, address, 0);
        found.Reverse();
        return found;
    }

    /// <returns>Whether a part of it covers the address: then no other does.</returns>
    private static bool AddFrom(List<InlinedFunction> found, Libdw.Die* unit, Libdw.Die* parent, ulong address, int depth)
    {
        Libdw.Die die;
        if (depth == MaxDepth || Libdw.Child(parent, &die) != 0)
            return false;
        do
        {
            var tag = Libdw.Tag(&die);
            if (tag is not (Libdw.TagInlined or Libdw.TagLexicalBlock or Libdw.TagTryBlock or Libdw.TagCatchBlock))
                continue;
            // A block may have no addresses of its own, and parts that have.
            var has = Libdw.HasAddress(&die, address);
            if (has > 0 && tag == Libdw.TagInlined)
                found.Add(new InlinedFunction(NameOf(&die), CallFile(unit, &die), Number(&die, Libdw.AttributeCallLine)));
            var isInside = (has > 0 || (has < 0 && tag != Libdw.TagInlined)) && AddFrom(found, unit, &die, address, depth + 1);
            if (has > 0 || isInside)
                return true;
        }
        while (Libdw.Sibling(&die, &die) == 0);
        return false;
    }

    private static string? NameOf(Libdw.Die* die)
        => Text(die, Libdw.AttributeLinkageName) is { } linkage ? Demangler.Demangle(linkage) : Text(die, Libdw.AttributeName);

    private static string? CallFile(Libdw.Die* unit, Libdw.Die* die)
    {
        nint files;
        nuint count;
        if (Number(die, Libdw.AttributeCallFile) is not { } index || Libdw.SourceFiles(unit, &files, &count) != 0 || (nuint)index >= count)
            return null;
        // Since DWARF 5 file 0 is the unit's own; before, it meant no file, and libdw reports it as such.
        return Marshal.PtrToStringUTF8((nint)Libdw.SourceFile(files, (nuint)index, null, null)) is { } file and not "???" ? file : null;
    }

    private static int? Number(Libdw.Die* die, uint name)
    {
        Libdw.Attribute attribute;
        ulong value;
        return Libdw.FindAttribute(die, name, &attribute) != null && Libdw.AttributeNumber(&attribute, &value) == 0 && value <= int.MaxValue
            ? (int)value
            : null;
    }

    private static string? Text(Libdw.Die* die, uint name)
    {
        Libdw.Attribute attribute;
        return Libdw.FindAttribute(die, name, &attribute) == null ? null : Marshal.PtrToStringUTF8((nint)Libdw.AttributeText(&attribute));
    }
}
