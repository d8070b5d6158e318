using System.Buffers.Binary;
using System.Text;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// The table with which Go's own runtime unwinds and names functions (.gopclntab; runtime/symtab.go). It exists even if a program was
/// linked with -s -w, as distributions' Go programs are, and has neither symbols nor call-frame information. Inlined functions are not
/// in it; the lines are those of the code that runs.
/// </summary>
internal sealed class GoFunctions
{
    private const uint From118 = 0xfffffff0;
    private const uint From120 = 0xfffffff1;
    public const int WordBytes = 8;
    private const int HeaderBytes = 9 * WordBytes;
    private const int EntryBytes = 8; // of the list of functions: its code's and its description's place
    private const byte TopFrame = 1;
    private const byte WritesStackPointer = 2;

    private readonly nint _table;
    private readonly int _bytes;
    private readonly int _flagPlace;
    private readonly int _functions;
    private readonly ulong _text;
    private readonly int _names;
    private readonly int _units;
    private readonly int _files;
    private readonly int _changes;
    private readonly int _list;

    private GoFunctions(nint table, int bytes)
    {
        (_table, _bytes) = (table, bytes);
        // In _func, behind funcID; 1.20 added startLine before both.
        _flagPlace = Word(0) == From118 ? 37 : 41;
        _functions = Place(0);
        _text = BinaryPrimitives.ReadUInt64LittleEndian(At(WordBytes * 3, WordBytes));
        (_names, _units, _files, _changes, _list) = (Place(3), Place(4), Place(5), Place(6), Place(7));

        // Behind the magic number and four bytes: the numbers of functions and files, the text's address, then places in the table.
        int Place(int index) => (int)Math.Min(BinaryPrimitives.ReadUInt64LittleEndian(At(WordBytes * (index + 1), WordBytes)), int.MaxValue);
    }

    /// <summary>Null: not the table of a Go program, or of a version before 1.18.</summary>
    /// <param name="file">It has to stay open.</param>
    // SAFETY: libelf says how long the section is, which is looked at first, and keeps it while the file is open.
    public static unsafe GoFunctions? Read(ElfFile file)
    {
        var (data, bytes) = CallFrameSection.BytesOf(file, ".gopclntab");
        if (data == 0 || bytes < HeaderBytes)
            return null;
        var start = new ReadOnlySpan<byte>((void*)data, WordBytes);
        // Then two zeroes, the unit of code addresses, and the size of a pointer.
        return BinaryPrimitives.ReadUInt32LittleEndian(start) is From118 or From120 && start[4..].SequenceEqual<byte>([0, 0, 1, WordBytes])
            ? new GoFunctions(data, bytes)
            : null;
    }

    /// <summary>Null: no function is there.</summary>
    public CodeName? Find(ulong address)
    {
        if (address < _text || address - _text > uint.MaxValue)
            return null;
        var place = (uint)(address - _text);
        var (low, high) = (0, _functions);
        while (high - low > 1)
        {
            var middle = low + (high - low) / 2;
            if (Start(middle) <= place)
                low = middle;
            else
                high = middle;
        }

        if (_functions == 0 || place < Start(low) || place >= Start(low + 1))
            return null;
        var function = Function(low);
        var line = ValueAt(place, low, Word(function + 24));
        var file = ValueAt(place, low, Word(function + 20)) is >= 0 and var number
            ? Text(_files + (long)Word(_units + 4L * (Word(function + 32) + (uint)number)))
            : null;
        return new CodeName(Text(_names + (long)Word(function + 4)), file, line > 0 ? line : null);
    }

    /// <summary>For each function: its place, and the depth of its stack along its code.</summary>
    /// <returns>Rule: outermost where nobody calls it, unsupported where it goes to another stack, so that its depths are none.</returns>
    public IEnumerable<(ulong Start, ulong End, CfaRule Rule, IEnumerable<(ulong End, int Bytes)> Depths)> All()
    {
        for (var i = 0; i < _functions; i++)
        {
            var (index, function) = (i, Function(i));
            var flags = At(function + _flagPlace, 1)[0];
            var rule = (flags & TopFrame) != 0 ? CfaRule.Outermost : (flags & WritesStackPointer) != 0 ? CfaRule.Unsupported : CfaRule.Sp;
            yield return (_text + Start(i), _text + Start(i + 1), rule,
                Changes(index, Word(function + 16)).Select(change => (_text + change.End, change.Value)));
        }
    }

    /// <returns>Null: the table ends before the place.</returns>
    private int? ValueAt(uint place, int index, uint offset)
    {
        foreach (var (end, value) in Changes(index, offset))
        {
            if (place < end)
                return value;
        }

        return null;
    }

    /// <summary>A value that changes along a function's code, stored as differences: each value and the place up to which it holds.</summary>
    private IEnumerable<(uint End, int Value)> Changes(int index, uint offset)
    {
        var (at, place, value, isFirst) = (_changes + (long)offset, Start(index), -1, true);
        if (offset == 0)
            yield break;
        while (true)
        {
            var difference = Number(ref at);
            if (difference == 0 && !isFirst)
                yield break;
            isFirst = false;
            value += (int)(difference >> 1) ^ -(int)(difference & 1);
            place += Number(ref at);
            yield return (place, value);
        }
    }

    private uint Start(int index) => Word(_list + (long)EntryBytes * index);

    private long Function(int index) => _list + (long)Word(_list + (long)EntryBytes * index + 4);

    private uint Number(ref long at)
    {
        uint value = 0;
        for (var shift = 0; shift < 32; shift += 7)
        {
            var part = At(at++, 1)[0];
            value |= (uint)(part & 0x7f) << shift;
            if ((part & 0x80) == 0)
                break;
        }

        return value;
    }

    private string Text(long at)
    {
        var rest = At(at, (int)Math.Max(_bytes - at, 0));
        var end = rest.IndexOf((byte)0);
        return end < 0 ? throw new BadElfException("has a Go table that ends too early") : Encoding.UTF8.GetString(rest[..end]);
    }

    private uint Word(long at) => BinaryPrimitives.ReadUInt32LittleEndian(At(at, 4));

    // SAFETY: the bounds are those of the section, which libelf keeps while the file is open.
    private unsafe ReadOnlySpan<byte> At(long at, int bytes)
        => at >= 0 && at <= _bytes - bytes
            ? new ReadOnlySpan<byte>((byte*)_table + at, bytes)
            : throw new BadElfException("has a Go table that ends too early");
}
