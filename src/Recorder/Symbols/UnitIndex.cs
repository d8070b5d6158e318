using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// Finds the compile unit of a file's DWARF that covers an address, and the function in it. libdw takes units from .debug_aranges, which
/// clang and Go do not write, and which is incomplete if only some compilers wrote it; and it does not find functions in
/// namespaces, where Rust has them. So units are walked once per file, and their functions once per unit.
/// </summary>
// SAFETY: DIEs are locals, here or of the caller; what they point to belongs to the Dwarf, which outlives this object.
internal sealed unsafe class UnitIndex
{
    /// <summary>Most namespaces and types nested in each other.</summary>
    private const int MaxDepth = 100;

    private readonly nint _dwarf;
    private readonly Func<ulong, bool> _isCode;
    private readonly AddressRanges _units = new();
    private readonly Dictionary<ulong, AddressRanges> _functions = [];

    /// <param name="dwarf">Dwarf*.</param>
    /// <param name="isCode">What a linker threw away has addresses that no code has.</param>
    public UnitIndex(nint dwarf, Func<ulong, bool> isCode)
    {
        (_dwarf, _isCode) = (dwarf, isCode);
        nint unit = 0;
        Libdw.Die die;
        while (!_units.IsFull && Libdw.NextUnit(dwarf, unit, &unit, null, null, &die, null) == 0)
            _units.Add(&die, isCode);
    }

    /// <returns>False: none covers the address.</returns>
    public bool TryFindUnit(ulong address, Libdw.Die* unit) => _units.Find(address) is { } offset && Libdw.DieAt(_dwarf, offset, unit) != null;

    /// <returns>Whether any unit has code between these addresses.</returns>
    public bool HasCodeIn(ulong start, ulong end) => _units.Overlap(start, end);

    /// <param name="unit">That covers the address.</param>
    /// <returns>False: none covers the address.</returns>
    public bool TryFindFunction(Libdw.Die* unit, ulong address, Libdw.Die* function)
    {
        var key = Libdw.DieOffset(unit);
        if (!_functions.TryGetValue(key, out var functions))
        {
            _functions[key] = functions = new AddressRanges();
            AddFunctions(functions, unit, 0);
        }

        return functions.Find(address) is { } offset && Libdw.DieAt(_dwarf, offset, function) != null;
    }

    private void AddFunctions(AddressRanges functions, Libdw.Die* parent, int depth)
    {
        Libdw.Die die;
        if (depth == MaxDepth || Libdw.Child(parent, &die) != 0)
            return;
        do
        {
            switch (Libdw.Tag(&die))
            {
                case Libdw.TagSubprogram:
                    functions.Add(&die, _isCode);
                    AddFunctions(functions, &die, depth + 1); // nested ones, of languages that have them
                    break;
                case Libdw.TagNamespace or Libdw.TagModule or Libdw.TagStructure or Libdw.TagClass or Libdw.TagUnion or Libdw.TagEnumeration:
                    AddFunctions(functions, &die, depth + 1);
                    break;
            }
        }
        while (!functions.IsFull && Libdw.Sibling(&die, &die) == 0);
    }
}
