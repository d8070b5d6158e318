using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// The symbols of a file by address. libdwfl reads its whole symbol table for each address, which takes a millisecond with node's 100,000
/// symbols. The answers are those of dwfl_module_addrname: what depends on labels without a size is left to it.
/// </summary>
internal sealed class SymbolIndex
{
    private const int UndefinedSection = 0; // SHN_UNDEF
    private const int SectionSymbol = 3; // STT_SECTION
    private const int FileSymbol = 4;
    private const int ThreadSymbol = 6;
    private const int MaxSymbols = 8 << 20;
    private const long MaxComparisons = 100_000_000; // a tenth of a second

    /// <summary>Most symbols examined for one address; valid ones overlap only where functions have several names.</summary>
    private const int MaxSteps = 256;

    private readonly Symbol[] _globals = [];
    private readonly Symbol[] _locals = [];
    private readonly ulong[] _highestGlobalEnds = [];
    private readonly ulong[] _highestLocalEnds = [];

    // Where a global label may stand for the code behind it, so that libdwfl looks at no local symbol.
    private readonly List<(ulong Start, ulong End)> _labels = [];

    // Ascending: where another symbol begins to cover the code, or ceases to.
    private readonly ulong[] _borders = [0, ulong.MaxValue];

    /// <param name="module">Dwfl_Module*, which outlives this object.</param>
    // SAFETY: libdwfl writes into locals, and looks itself whether an index is good; names live as long as the module.
    public unsafe SymbolIndex(nint module)
    {
        var count = Libdw.ModuleSymbolCount(module);
        var firstGlobal = Libdw.ModuleFirstGlobal(module);
        if (count <= 0 || count > MaxSymbols || firstGlobal < 0)
            return;
        var (globals, locals) = (new List<Symbol>(), new List<Symbol>());
        var comparisons = 0L;
        for (var i = 1; i < count; i++)
        {
            Libdw.ElfSymbolEntry entry;
            ulong address, bias;
            uint section;
            nint elf;
            var name = Libdw.ModuleSymbol(module, i, &entry, &address, &section, &elf, &bias);
            if (name == null || *name == 0 || entry.Section == UndefinedSection || (entry.Info & 0xf) is SectionSymbol or FileSymbol or ThreadSymbol)
                continue;
            if (entry.Size > 0)
            {
                (i >= firstGlobal ? globals : locals).Add(new Symbol(address, entry.Size, i, entry.Info >> 4, (nint)name));
            }
            else if (i >= firstGlobal)
            {
                comparisons += globals.Count;
                _labels.Add((address, comparisons > MaxComparisons ? ulong.MaxValue : EndOfLabel(globals, address)));
            }
        }

        (_globals, _locals) = ([.. globals], [.. locals]);
        (_highestGlobalEnds, _highestLocalEnds) = (Sort(_globals), Sort(_locals));
        var covered = globals.Concat(locals).Select(symbol => (symbol.Start, symbol.End)).Concat(_labels);
        _borders = [.. _borders, .. covered.SelectMany(range => (ulong[])[range.Start, range.End])];
        Array.Sort(_borders);
    }

    /// <returns>False: it is not known, and libdwfl has to look.</returns>
    public bool TryFind(ulong address, out string? name)
    {
        if (!TryFind(_globals, _highestGlobalEnds, address, out var found)
            || found is null && (_labels.Exists(label => label.Start <= address && address < label.End)
                || !TryFind(_locals, _highestLocalEnds, address, out found)))
        {
            found = null;
        }

        name = found is { Name: var text } ? Marshal.PtrToStringUTF8(text) : null;
        return found is not null;
    }

    /// <returns>The code around the address for which the answer is the same.</returns>
    public (ulong Start, ulong End) PieceAt(ulong address)
    {
        var next = Sorted.CountUntil(_borders, address, border => border);
        return (_borders[next - 1], next < _borders.Length ? _borders[next] : ulong.MaxValue);
    }

    // A symbol that libdwfl has looked at before, and that ends behind the label, excludes it.
    private static ulong EndOfLabel(List<Symbol> before, ulong label)
    {
        var end = ulong.MaxValue;
        foreach (var symbol in CollectionsMarshal.AsSpan(before))
        {
            if (symbol.End > label && symbol.Start < end)
                end = symbol.Start;
        }

        return end;
    }

    /// <returns>False: too many symbols overlap.</returns>
    private static bool TryFind(Symbol[] symbols, ulong[] highestEnds, ulong address, out Symbol? found)
    {
        found = null;
        var low = Sorted.CountUntil(symbols, address, symbol => symbol.Start);
        var covering = new List<Symbol>();
        for (var i = low - 1; i >= 0 && highestEnds[i] > address; i--)
        {
            if (i < low - MaxSteps)
                return false;
            if (symbols[i].Covers(address))
                covering.Add(symbols[i]);
        }

        // In the order of the table, on which libdwfl's choice among several depends.
        covering.Sort((one, other) => one.Index.CompareTo(other.Index));
        foreach (var symbol in covering)
        {
            if (found is not { } best || symbol.IsBetterThan(best))
                found = symbol;
        }

        return true;
    }

    private static ulong[] Sort(Symbol[] symbols)
    {
        Array.Sort(symbols, (one, other) => one.Start.CompareTo(other.Start));
        var highestEnds = new ulong[symbols.Length];
        ulong highest = 0;
        for (var i = 0; i < symbols.Length; i++)
            highestEnds[i] = highest = Math.Max(highest, symbols[i].End);
        return highestEnds;
    }

    /// <param name="Index">In the file's table.</param>
    /// <param name="Binding">STB_*.</param>
    /// <param name="Name">Text of libdwfl.</param>
    private readonly record struct Symbol(ulong Start, ulong Bytes, int Index, int Binding, nint Name)
    {
        public ulong End => Start + Bytes < Start ? ulong.MaxValue : Start + Bytes;

        private int Strength => Binding switch
        {
            0 => 1, // STB_LOCAL
            1 => 3, // STB_GLOBAL
            2 => 2, // STB_WEAK
            _ => 0,
        };

        public bool Covers(ulong address) => address >= Start && address - Start < Bytes;

        /// <summary>try_sym_value of elfutils' libdwfl/dwfl_module_addrsym.c: the nearest start, the stronger binding, the shorter one.</summary>
        public bool IsBetterThan(Symbol best)
            => best.Start < Start || best.Strength < Strength || best.Start == Start && best.Bytes > Bytes && best.Strength <= Strength;
    }
}
