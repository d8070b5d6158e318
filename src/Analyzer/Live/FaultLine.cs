using System.Buffers.Text;
using System.Globalization;
using System.Text;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Live;

/// <summary>
/// One fault as one line of columns, straight into UTF-8: it is written as often as a program faults, so a field costs no string.
/// A value that is too wide for its column moves the rest of its line.
/// </summary>
internal sealed class FaultLine
{
    private const int TimeWidth = 12;
    private const int IdWidth = 8;
    private const int CpuWidth = 4;
    private const int CommWidth = 15; // TASK_COMM_LEN without its null
    private const int AddressWidth = 19;
    private const int AccessWidth = 7;
    private const int KindWidth = 8;
    private const int MicrosecondsWidth = 10;

    // What the widest values of the fields in one Room take; those of ids and times are 20 digits.
    private const int HeadBytes = 4 * 24;
    private const int TailBytes = 24 + AccessWidth + KindWidth + AttributeBytes + 16 + 24;
    private const int AttributeBytes = 16;

    private static readonly byte[][] AccessNames = ["read  "u8.ToArray(), "write "u8.ToArray(), "exec  "u8.ToArray(), "-     "u8.ToArray()];

    private readonly Utf8Rows _rows;
    private readonly (long Bit, string Name)[] _flagNames;
    private readonly bool _seesFlags;
    private readonly byte[] _minor;
    private readonly byte[] _major;
    private readonly byte[] _sigsegv;
    private readonly byte[] _sigbus;
    private readonly byte[] _failed;
    private readonly Dictionary<int, byte[]> _flags = [];
    private readonly EncodedTexts _comms = new(text => Encoding.UTF8.GetBytes($" {Columns.PadRight(Escape.Visible(text), CommWidth)}"));
    private readonly EncodedTexts _regions = new(text => Encoding.UTF8.GetBytes($" {Escape.Visible(text)}"));
    private readonly EncodedTexts _handlers = new(text => Encoding.UTF8.GetBytes($"  {Escape.Visible(text)}"));

    public FaultLine(Utf8Rows rows, TraceMetadata metadata, TextStyle style)
    {
        const string prefix = "FAULT_FLAG_";
        _rows = rows;
        _minor = Kind("minor", static name => name);
        _major = Kind("major", style.Wait);
        _sigsegv = Kind("SIGSEGV", style.Alarm);
        _sigbus = Kind("SIGBUS", style.Alarm);
        _failed = Kind("failed", style.Alarm);
        _seesFlags = metadata.Backend.Hooks is not null;
        _flagNames = [.. metadata.FaultFlagNames.OrderBy(flag => flag.Value).Select(flag
            => (flag.Value, Escape.Visible(flag.Key.StartsWith(prefix, StringComparison.Ordinal) ? flag.Key[prefix.Length..] : flag.Key)))];
    }

    public void Header() => _rows.Bytes(Encoding.UTF8.GetBytes(
        "time s".PadLeft(TimeWidth) + "pid".PadLeft(IdWidth) + "tid".PadLeft(IdWidth) + "cpu".PadLeft(CpuWidth) + " " + "comm".PadRight(CommWidth)
        + "address".PadLeft(AddressWidth) + " access" + " " + "kind".PadRight(KindWidth - 1) + "µs".PadLeft(MicrosecondsWidth) + " region"
        + (_seesFlags ? "  flags" : "") + "\n"));

    public void Write(FaultBatch batch, int row, Severity severity)
    {
        var line = _rows.Room(HeadBytes);
        var used = Fixed(line, batch.TimeNs[row] / 1000, 1_000_000, TimeWidth);
        used += Right(line[used..], batch.Pid[row], IdWidth);
        used += Right(line[used..], batch.Tid[row], IdWidth);
        used += Right(line[used..], batch.Cpu[row], CpuWidth);
        _rows.Advance(used);
        _rows.Bytes(_comms.Of(batch.Comm[row]));
        line = _rows.Room(TailBytes);
        used = Address(line, (ulong)batch.Address[row]);
        line[used++] = (byte)' ';
        used += Copy(line[used..], AccessNames[(int)batch.Access[row]]);
        line[used++] = (byte)' ';
        used += Copy(line[used..], Kind(severity, batch.Signal[row]));
        var durationNs = batch.DurationNs[row];
        used += durationNs == FaultBatch.Null ? Right(line[used..], "-"u8, MicrosecondsWidth) : Fixed(line[used..], durationNs, 1000, MicrosecondsWidth);
        _rows.Advance(used);
        _rows.Bytes(_regions.Of(batch.RegionId[row] == 0 ? RegionNames.Unmapped : batch.Region[row]));
        WriteNotes(batch, row);
        _rows.Byte((byte)'\n');
    }

    private void WriteNotes(FaultBatch batch, int row)
    {
        if (batch.FaultFlags[row] is > 0 and var flags)
            _rows.Bytes(Flags(flags));
        if (batch.Gup[row])
            _rows.Bytes("  gup"u8);
        if (batch.Handler[row] is { } handler)
            _rows.Bytes(_handlers.Of(handler));
        if (batch.Weight[row] <= 1)
            return;
        _rows.Bytes("  ×"u8);
        _rows.Number(batch.Weight[row]);
    }

    private byte[] Flags(int flags)
    {
        if (_flags.TryGetValue(flags, out var known))
            return known;
        var names = _flagNames.Where(flag => (flags & flag.Bit) != 0).Select(flag => flag.Name).ToList();
        var unnamed = flags & ~_flagNames.Aggregate(0L, (bits, flag) => bits | flag.Bit);
        if (unnamed != 0)
            names.Add(string.Create(CultureInfo.InvariantCulture, $"0x{unnamed:x}"));
        return _flags[flags] = Encoding.UTF8.GetBytes($"  {string.Join('|', names)}");
    }

    private static byte[] Kind(string name, Func<string, string> mark)
        => Encoding.UTF8.GetBytes(mark(name) + new string(' ', KindWidth - 1 - name.Length));

    private byte[] Kind(Severity severity, int signal)
    {
        const int sigbus = 7;
        const int sigsegv = 11;
        return severity switch
        {
            Severity.Minor => _minor,
            Severity.Major => _major,
            _ => signal switch { sigsegv => _sigsegv, sigbus => _sigbus, _ => _failed },
        };
    }

    private static int Address(Span<byte> field, ulong address)
    {
        Span<byte> digits = stackalloc byte[18];
        digits[0] = (byte)'0';
        digits[1] = (byte)'x';
        _ = Utf8Formatter.TryFormat(address, digits[2..], out var length, 'x');
        return Right(field, digits[..(length + 2)], AddressWidth);
    }

    /// <summary>value / unit with as many decimals as the unit has zeros.</summary>
    private static int Fixed(Span<byte> field, long value, int unit, int width)
    {
        Span<byte> digits = stackalloc byte[24];
        var at = digits.Length;
        var rest = (ulong)Math.Abs(value);
        for (var decimals = 1; decimals < unit; decimals *= 10, rest /= 10)
            digits[--at] = (byte)('0' + rest % 10);
        digits[--at] = (byte)'.';
        do
            digits[--at] = (byte)('0' + rest % 10);
        while ((rest /= 10) > 0);
        if (value < 0)
            digits[--at] = (byte)'-';
        return Right(field, digits[at..], width);
    }

    private static int Right(Span<byte> field, long value, int width)
    {
        Span<byte> digits = stackalloc byte[24];
        _ = Utf8Formatter.TryFormat(value, digits, out var length);
        return Right(field, digits[..length], width);
    }

    private static int Right(Span<byte> field, ReadOnlySpan<byte> text, int width)
    {
        var pad = Math.Max(0, width - text.Length);
        field[..pad].Fill((byte)' ');
        text.CopyTo(field[pad..]);
        return pad + text.Length;
    }

    private static int Copy(Span<byte> field, ReadOnlySpan<byte> text)
    {
        text.CopyTo(field);
        return text.Length;
    }
}
