using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// Executes call-frame instructions (DWARF 5, 6.4.2), once per function, and makes a row wherever they change something that the probes'
/// rows hold. libdw would execute them from the function's beginning for each row.
/// </summary>
internal sealed class CallFrameProgram(CallFrameSection section, UnwindMachine machine)
{
    private readonly Stack<State> _remembered = new();

    private State _state;
    private State _initial;

    private enum Saved
    {
        /// <summary>The register still has the caller's value.</summary>
        Kept,
        Undefined,
        BelowCfa,

        /// <summary>In the word at rbp: an expression, which functions with a realigned stack need.</summary>
        AtBp,
        Elsewhere,
    }

    /// <summary>Adds the rows of one function to the list, by ascending address, the first at its start.</summary>
    /// <exception cref="BadElfException">An instruction is unknown or cut off.</exception>
    public void Run(List<UnwindRow> rows, ulong start, ulong end, CallFrameCommon common, (int Start, int Length) instructions)
    {
        _remembered.Clear();
        _state = default;
        _initial = default;
        var pc = start;
        Run(rows, ref pc, end, common, common.Instructions);
        _initial = _state;
        Run(rows, ref pc, end, common, instructions);
        if (pc < end)
            Add(rows, pc, common);
    }

    private void Run(List<UnwindRow> rows, ref ulong pc, ulong end, CallFrameCommon common, (int Start, int Length) instructions)
    {
        var stop = instructions.Start + instructions.Length;
        for (var place = instructions.Start; place < stop && pc < end;)
        {
            var opcode = (byte)section.ReadFixed(ref place, 1);
            var operand = opcode & 0x3f;
            switch (opcode)
            {
                case >= 0xc0: // DW_CFA_restore
                    Restore(operand);
                    break;
                case >= 0x80: // DW_CFA_offset
                    Set(operand, Saved.BelowCfa, (long)section.ReadUnsigned(ref place) * common.DataFactor);
                    break;
                case >= 0x40: // DW_CFA_advance_loc
                    Advance(rows, ref pc, (ulong)operand, common);
                    break;
                case 0x01: // DW_CFA_set_loc
                    Add(rows, pc, common);
                    pc = Math.Max(pc, section.ReadAddress(ref place, common.PointerEncoding));
                    break;
                case 0x02 or 0x03 or 0x04: // DW_CFA_advance_loc1, 2, 4
                    Advance(rows, ref pc, section.ReadFixed(ref place, 1 << (opcode - 2)), common);
                    break;
                default:
                    RunRare(opcode, ref place, common);
                    break;
            }
        }
    }

    private void RunRare(byte opcode, ref int place, CallFrameCommon common)
    {
        switch (opcode)
        {
            case 0x00: // DW_CFA_nop
                break;
            case 0x05: // DW_CFA_offset_extended
                Set(Register(ref place), Saved.BelowCfa, (long)section.ReadUnsigned(ref place) * common.DataFactor);
                break;
            case 0x06: // DW_CFA_restore_extended
                Restore(Register(ref place));
                break;
            case 0x07: // DW_CFA_undefined
                Set(Register(ref place), Saved.Undefined);
                break;
            case 0x08: // DW_CFA_same_value
                Set(Register(ref place), Saved.Kept);
                break;
            case 0x09: // DW_CFA_register
                Set(Register(ref place), Saved.Elsewhere);
                section.ReadUnsigned(ref place);
                break;
            case 0x0a: // DW_CFA_remember_state
                _remembered.Push(_state);
                break;
            case 0x0b: // DW_CFA_restore_state
                if (!_remembered.TryPop(out _state))
                    throw new BadElfException("has call-frame information that restores a state it did not remember");
                break;
            case 0x0c: // DW_CFA_def_cfa
                _state.SetCfa(Register(ref place), (long)section.ReadUnsigned(ref place));
                break;
            case 0x0d: // DW_CFA_def_cfa_register
                _state.SetCfa(Register(ref place), _state.CfaOffset);
                break;
            case 0x0e: // DW_CFA_def_cfa_offset
                _state.SetCfa(_state.CfaRegister, (long)section.ReadUnsigned(ref place));
                break;
            case 0x0f: // DW_CFA_def_cfa_expression
                _state.SetCfa(CfaOf(Block(ref place)));
                break;
            case 0x10: // DW_CFA_expression
                var register = Register(ref place);
                Set(register, IsAtBp(Block(ref place)) ? Saved.AtBp : Saved.Elsewhere);
                break;
            case 0x11: // DW_CFA_offset_extended_sf
                Set(Register(ref place), Saved.BelowCfa, section.ReadSigned(ref place) * common.DataFactor);
                break;
            case 0x12: // DW_CFA_def_cfa_sf
                _state.SetCfa(Register(ref place), section.ReadSigned(ref place) * common.DataFactor);
                break;
            case 0x13: // DW_CFA_def_cfa_offset_sf
                _state.SetCfa(_state.CfaRegister, section.ReadSigned(ref place) * common.DataFactor);
                break;
            case 0x14 or 0x15: // DW_CFA_val_offset, DW_CFA_val_offset_sf
                Set(Register(ref place), Saved.Elsewhere);
                section.ReadUnsigned(ref place);
                break;
            case 0x16: // DW_CFA_val_expression
                Set(Register(ref place), Saved.Elsewhere);
                Block(ref place);
                break;
            case 0x2e: // DW_CFA_GNU_args_size
                section.ReadUnsigned(ref place);
                break;
            case 0x2f: // DW_CFA_GNU_negative_offset_extended
                Set(Register(ref place), Saved.BelowCfa, -(long)section.ReadUnsigned(ref place) * common.DataFactor);
                break;
            default:
                throw new BadElfException($"has call-frame information with the unknown instruction 0x{opcode:x2}");
        }
    }

    private int Register(ref int place) => (int)Math.Min(section.ReadUnsigned(ref place), int.MaxValue);

    private ReadOnlySpan<byte> Block(ref int place)
    {
        var bytes = section.ReadUnsigned(ref place);
        if (bytes > (ulong)(section.Bytes.Length - place))
            throw new BadElfException("has call-frame information that ends too early");
        place += (int)bytes;
        return section.Bytes.Slice(place - (int)bytes, (int)bytes);
    }

    private void Advance(List<UnwindRow> rows, ref ulong pc, ulong by, CallFrameCommon common)
    {
        if (by == 0)
            return;
        Add(rows, pc, common);
        pc += by * common.CodeFactor;
    }

    private void Set(int register, Saved saved, long offset = 0)
    {
        var rule = new Rule(saved, offset);
        if (register == machine.Bp)
            _state.Bp = rule;
        else if (register == machine.Bx)
            _state.Bx = rule;
        else if (register == machine.ReturnAddress)
            _state.ReturnAddress = rule;
    }

    private void Restore(int register)
    {
        var rule = register == machine.Bp ? _initial.Bp : register == machine.Bx ? _initial.Bx : _initial.ReturnAddress;
        Set(register, rule.Saved, rule.Offset);
    }

    private void Add(List<UnwindRow> rows, ulong pc, CallFrameCommon common)
    {
        if (pc > uint.MaxValue)
            throw new BadElfException("has code above 4 GiB");
        rows.Add(RowOf(common) with { Pc = (uint)pc });
    }

    private UnwindRow RowOf(CallFrameCommon common)
    {
        if (common.IsSignalFrame)
            return new UnwindRow { CfaRule = CfaRule.Signal };
        if (_state.ReturnAddress.Saved == Saved.Undefined)
            return new UnwindRow { CfaRule = CfaRule.Outermost };
        if (!common.ReturnAddressIsKnown || _state.ReturnAddress != new Rule(Saved.BelowCfa, -machine.WordBytes))
            return new UnwindRow { CfaRule = CfaRule.Unsupported };
        var row = _state.HasExpression ? _state.Expression : CfaOf(_state.CfaRegister, _state.CfaOffset);
        if (row.CfaRule == CfaRule.Unsupported)
            return row;
        // An undefined register is treated as kept: nobody needs it then. So is one with an expression, except for a realigned stack.
        if (_state.Bp.Saved == Saved.BelowCfa && _state.Bp.Offset % machine.WordBytes == 0
            && _state.Bp.Offset / machine.WordBytes is >= sbyte.MinValue and <= sbyte.MaxValue and var place)
        {
            row.BpOffset = (sbyte)place;
        }

        if (row.CfaRule == CfaRule.Realigned && _state.Bp.Saved != Saved.AtBp)
            return new UnwindRow { CfaRule = CfaRule.Unsupported };
        row.BxPlace = _state.Bx.Saved switch
        {
            Saved.Kept or Saved.Undefined => 0,
            Saved.BelowCfa when _state.Bx.Offset % machine.WordBytes == 0
                && -_state.Bx.Offset / machine.WordBytes - 1 is > 0 and < UnwindRow.BxLost and var below => (int)below,
            _ => UnwindRow.BxLost,
        };
        return row;
    }

    private UnwindRow CfaOf(int register, long offset)
    {
        var rule = register == machine.Sp ? CfaRule.Sp : register == machine.Bp ? CfaRule.Bp : register == machine.Bx ? CfaRule.Bx : CfaRule.Unsupported;
        return offset % machine.WordBytes == 0 && offset / machine.WordBytes is >= short.MinValue and <= short.MaxValue and var words
            && rule != CfaRule.Unsupported
            ? new UnwindRow { CfaRule = rule, CfaOffset = (short)words }
            : new UnwindRow { CfaRule = CfaRule.Unsupported };
    }

    private UnwindRow CfaOf(ReadOnlySpan<byte> expression)
    {
        const byte register = 0x70, literal = 0x30, and = 0x1a, greaterOrEqual = 0x2a, shiftLeft = 0x24, plus = 0x22, dereference = 0x06;
        // Of a procedure linkage table: sp + word + (((ip & 15) >= after the push) << 3, or 2).
        if (expression.Length == 11 && expression[0] == register + machine.Sp && expression[1] == machine.WordBytes
            && expression[2] == register + machine.ReturnAddress && expression[3] == 0
            && expression[4] == literal + 15 && expression[5] == and && expression[6] is >= literal and <= literal + 15
            && expression[7] == greaterOrEqual && expression[9] == shiftLeft && expression[10] == plus)
        {
            return new UnwindRow { CfaRule = CfaRule.Plt, CfaOffset = (short)(expression[6] - literal) };
        }
        // What a function that realigns its stack has saved below rbp: one byte is enough for the offset.
        if (expression.Length == 3 && expression[0] == register + machine.Bp && expression[2] == dereference && (expression[1] & 0x80) == 0)
        {
            var offset = (sbyte)(expression[1] << 1) >> 1;
            if (offset % machine.WordBytes == 0)
                return new UnwindRow { CfaRule = CfaRule.Realigned, CfaOffset = (short)(offset / machine.WordBytes) };
        }

        return new UnwindRow { CfaRule = CfaRule.Unsupported };
    }

    private bool IsAtBp(ReadOnlySpan<byte> expression) => expression.Length == 2 && expression[0] == 0x70 + machine.Bp && expression[1] == 0;

    private readonly record struct Rule(Saved Saved, long Offset);

    private struct State
    {
        public int CfaRegister;
        public long CfaOffset;
        public bool HasExpression;
        public UnwindRow Expression;
        public Rule Bp;
        public Rule Bx;
        public Rule ReturnAddress;

        public void SetCfa(int register, long offset) => (CfaRegister, CfaOffset, HasExpression) = (register, offset, false);

        public void SetCfa(UnwindRow row) => (Expression, HasExpression) = (row, true);
    }
}
