using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>Makes the rows by which the probes unwind (bpf/stacks.bpf.h) of a file's .eh_frame, by libdw.</summary>
internal static unsafe class UnwindTable
{
    /// <summary>Beyond it a file is not code that somebody wrote.</summary>
    private const int MaxFunctions = 4 << 20;

    private const int HeaderBytes = 12;
    private const int EntryBytes = 8;

    /// <returns>Rows by ascending address.</returns>
    /// <exception cref="BadElfException">It has none, or they cannot be read.</exception>
    public static List<UnwindRow> Make(ElfFile file)
    {
        var starts = FunctionStarts(file);
        var cfi = Libdw.GetCfi(file.Elf);
        if (cfi == 0)
            throw new BadElfException("has no call-frame information");
        try
        {
            var rows = new List<UnwindRow>(starts.Length * 4);
            for (var i = 0; i < starts.Length; i++)
                AddFunction(rows, cfi, starts[i], i + 1 < starts.Length ? starts[i + 1] : ulong.MaxValue);
            return rows;
        }
        finally
        {
            _ = Libdw.CfiEnd(cfi);
        }
    }

    /// <summary>
    /// Where functions begin: libdw has no way to list them, but .eh_frame_hdr is that list, sorted (Linux Standard Base, "The
    /// .eh_frame_hdr section").
    /// </summary>
    private static ulong[] FunctionStarts(ElfFile file)
    {
        if (file.Segments.Where(segment => segment.Type == Libdw.SegmentEhFrame).Cast<Libdw.ProgramHeader?>().FirstOrDefault() is not { } segment)
            throw new BadElfException("has no .eh_frame_hdr");
        var header = file.Read((long)segment.Offset, HeaderBytes);
        // Version 1; pointer as 4 bytes; count as udata4; table of sdata4 from the header on: what every linker writes.
        if (header is not [1, 0x1b, 0x03, 0x3b, ..])
            throw new BadElfException("has a .eh_frame_hdr of another encoding");
        var count = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8));
        if (count > MaxFunctions || count > segment.FileBytes / EntryBytes)
            throw new BadElfException("has a damaged .eh_frame_hdr");
        var table = file.Read((long)segment.Offset + HeaderBytes, (int)count * EntryBytes);
        var starts = new ulong[count];
        for (var i = 0; i < starts.Length; i++)
            starts[i] = segment.Address + (ulong)(long)BinaryPrimitives.ReadInt32LittleEndian(table.AsSpan(i * EntryBytes));
        Array.Sort(starts);
        return starts;
    }

    private static void AddFunction(List<UnwindRow> rows, nint cfi, ulong start, ulong nextStart)
    {
        var pc = start;
        while (pc < nextStart)
        {
            nint frame;
            if (Libdw.CfiFrame(cfi, pc, &frame) != 0)
                break;
            ulong first, end;
            byte isSignal;
            var holds = Libdw.FrameInfo(frame, &first, &end, &isSignal) >= 0;
            Add(rows, pc, isSignal != 0 ? new UnwindRow { CfaRule = CfaRule.Signal } : RowOf(frame));
            NativeMemory.Free((void*)frame); // libdw hands out memory of malloc
            if (!holds || end <= pc)
                return;
            pc = end;
        }
        if (pc < nextStart)
            Add(rows, pc, default);
    }

    private static void Add(List<UnwindRow> rows, ulong pc, UnwindRow row)
    {
        if (pc > uint.MaxValue)
            throw new BadElfException("has code above 4 GiB");
        if (rows.Count > 0 && rows[^1] with { Pc = 0 } == row)
            return;
        rows.Add(row with { Pc = (uint)pc });
    }

    private static UnwindRow RowOf(nint frame)
    {
        var memory = stackalloc Libdw.Operation[3];
        Libdw.Operation* operations;
        nuint count;
        if (Libdw.FrameRegister(frame, Libdw.RegisterReturn, memory, &operations, &count) != 0)
            return new UnwindRow { CfaRule = CfaRule.Unsupported };
        if (count == 0 && operations == memory)
            return new UnwindRow { CfaRule = CfaRule.Outermost };
        if (Libdw.FrameCfa(frame, &operations, &count) != 0)
            return new UnwindRow { CfaRule = CfaRule.Unsupported };
        var row = CfaOf(new ReadOnlySpan<Libdw.Operation>(operations, (int)count));
        if (Libdw.FrameRegister(frame, Libdw.RegisterBp, memory, &operations, &count) != 0)
            return row;
        // Undefined is as good as unchanged: nobody needs it then. So is what an expression tells, of which only realigned stacks
        // make use.
        if (count is 1 or 2 && operations[0].Atom == Libdw.OpCallFrameCfa)
        {
            var offset = count == 2 && operations[1].Atom == Libdw.OpPlusConstant ? operations[1].Number : 0;
            if (offset % 8 == 0 && offset / 8 is >= sbyte.MinValue and <= sbyte.MaxValue)
                row.BpOffset = (sbyte)(offset / 8);
        }
        return row;
    }

    private static UnwindRow CfaOf(ReadOnlySpan<Libdw.Operation> operations)
    {
        var unsupported = new UnwindRow { CfaRule = CfaRule.Unsupported };
        if (operations.Length == 0)
            return unsupported;
        // Of a procedure linkage table: rsp + 8 + (((ip & 15) >= 11) << 3).
        if (operations.Length > 2)
            return operations[0].Atom == Libdw.OpRegisterSp && operations[1].Atom == Libdw.OpRegisterIp ? new UnwindRow { CfaRule = CfaRule.Plt } : unsupported;
        var (register, offset) = operations[0].Atom switch
        {
            Libdw.OpRegister => (operations[0].Number, operations[0].Number2),
            Libdw.OpRegisterBp => (Libdw.RegisterBp, operations[0].Number),
            Libdw.OpRegisterSp => (Libdw.RegisterSp, operations[0].Number),
            _ => (-1, 0),
        };
        if (operations.Length != 1 || offset % 8 != 0 || offset / 8 is < short.MinValue or > short.MaxValue)
            return unsupported;
        return register switch
        {
            Libdw.RegisterSp => new UnwindRow { CfaRule = CfaRule.Sp, CfaOffset = (short)(offset / 8) },
            Libdw.RegisterBp => new UnwindRow { CfaRule = CfaRule.Bp, CfaOffset = (short)(offset / 8) },
            _ => unsupported,
        };
    }
}
