using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>Makes the rows with which the probes unwind (bpf/unwind.bpf.h) from a file's call-frame information.</summary>
internal static class UnwindTable
{
    private const int IdentityBytes = 32; // up to e_entry

    /// <summary>Row for code at a file's entry that has no description: that of the dynamic linker and musl, in assembly.</summary>
    private const int MaxEntryBytes = 96;

    /// <summary>Code made by Go's compiler keeps frame pointers everywhere.</summary>
    private static readonly UnwindRow FramePointer = new() { CfaRule = CfaRule.Bp, CfaOffset = 2, BpOffset = -2 };

    /// <returns>Rows by ascending address; a gap between functions has a row without a rule.</returns>
    /// <exception cref="BadElfException">The file has no call frames, or they cannot be read.</exception>
    public static List<UnwindRow> Make(ElfFile file)
    {
        var identity = file.Read(0, IdentityBytes);
        var machine = UnwindMachine.Of(identity);
        var (functions, rows) = (new List<Function>(), new List<UnwindRow>());
        foreach (var section in CallFrameSection.Read(file, identity))
        {
            var program = new CallFrameProgram(section, machine);
            foreach (var (start, end, common, instructions) in section.Functions())
            {
                // .debug_frame still describes functions that the linker dropped, at addresses without code.
                if (start >= end || !IsCode(file, start))
                    continue;
                var first = rows.Count;
                program.Run(rows, start, end, common, instructions);
                functions.Add(new Function(start, end, first, rows.Count - first));
            }
        }

        var between = CallFrameSection.BytesOf(file, ".gopclntab").Data != 0 ? FramePointer : default;
        if (GoFunctions.Read(file) is { } go)
            AddGo(file, go, functions, rows);
        return functions.Count > 0 || between != default
            ? Join(functions, rows, between, EntryOf(identity))
            : throw new BadElfException("has no call-frame information");
    }

    // What .debug_frame tells of them besides does not have rbp.
    private static void AddGo(ElfFile file, GoFunctions go, List<Function> functions, List<UnwindRow> rows)
    {
        foreach (var (start, end, rule, depths) in go.All())
        {
            if (start >= end || !IsCode(file, start) || end > uint.MaxValue)
                continue;
            var (first, pc) = (rows.Count, start);
            foreach (var (until, bytes) in rule == CfaRule.Sp ? depths : [(end, 0)])
            {
                if (bytes is < 0 or >= short.MaxValue * GoFunctions.WordBytes || until <= pc || pc == end)
                    break;
                // A frame has the caller's rbp at its top, next to the return address.
                rows.Add(rule == CfaRule.Sp
                    ? new UnwindRow
                    {
                        Pc = (uint)pc,
                        CfaRule = rule,
                        CfaOffset = (short)(bytes / GoFunctions.WordBytes + 1),
                        BpOffset = (sbyte)(bytes > 0 ? -2 : 0)
                    }
                    : new UnwindRow { Pc = (uint)pc, CfaRule = rule });
                pc = Math.Min(until, end);
            }

            functions.Add(new Function(start, pc, first, rows.Count - first));
        }
    }

    private static ulong EntryOf(ReadOnlySpan<byte> identity)
        => identity[4] == 1 ? BinaryPrimitives.ReadUInt32LittleEndian(identity[24..]) : BinaryPrimitives.ReadUInt64LittleEndian(identity[24..]); // EI_CLASS

    private static List<UnwindRow> Join(List<Function> functions, List<UnwindRow> rows, UnwindRow between, ulong entry)
    {
        // If two entries describe one place, the first counts, which is that of .eh_frame.
        functions.Sort((one, other) => (one.Start, one.FirstRow).CompareTo((other.Start, other.FirstRow)));
        var joined = new List<UnwindRow>(rows.Count + functions.Count / 4);
        ulong end = 0;
        foreach (var function in functions)
        {
            if (function.Start < end)
                continue;
            if (function.Start > end)
                AddGap(joined, end, function.Start, between, entry);
            foreach (var row in CollectionsMarshal.AsSpan(rows).Slice(function.FirstRow, function.Rows))
                Add(joined, row);
            end = function.End;
        }

        AddGap(joined, end, ulong.MaxValue, between, entry);
        return joined;
    }

    // The code at which the kernel starts a program has no caller.
    private static void AddGap(List<UnwindRow> rows, ulong start, ulong end, UnwindRow between, ulong entry)
    {
        if (start > uint.MaxValue)
            return;
        Add(rows, between with { Pc = (uint)start });
        if (entry < start || entry >= end || entry > uint.MaxValue - MaxEntryBytes || entry == 0)
            return;
        Add(rows, new UnwindRow { Pc = (uint)entry, CfaRule = CfaRule.Outermost });
        if (entry + MaxEntryBytes < end)
            Add(rows, between with { Pc = (uint)entry + MaxEntryBytes });
    }

    private static void Add(List<UnwindRow> rows, UnwindRow row)
    {
        if (rows.Count > 0 && rows[^1].Pc == row.Pc)
            rows.RemoveAt(rows.Count - 1); // it has no code
        if (rows.Count == 0 || rows[^1] with { Pc = 0 } != row with { Pc = 0 })
            rows.Add(row);
    }

    private static bool IsCode(ElfFile file, ulong address)
    {
        foreach (var segment in file.Segments)
        {
            if (segment.Type == Libdw.SegmentLoad && (segment.Flags & Libdw.SegmentExecutable) != 0 && address >= segment.Address
                && address - segment.Address < segment.MemoryBytes)
            {
                return true;
            }
        }

        return false;
    }

    private readonly record struct Function(ulong Start, ulong End, int FirstRow, int Rows);
}
