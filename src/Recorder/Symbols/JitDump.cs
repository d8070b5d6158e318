using System.Buffers.Binary;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// jit-PID.dump: records of code loaded and moved, with their times and lines (Linux,
/// tools/perf/Documentation/jitdump-specification.txt). The code itself, which the records also hold, is skipped.
/// </summary>
internal sealed class JitDump
{
    private const uint Magic = 0x4A695444;
    private const int HeaderBytes = 40;
    private const int PrefixBytes = 16;
    private const ulong ArchTimestamps = 1; // JITDUMP_FLAGS_ARCH_TIMESTAMP
    private const uint CodeLoad = 0, CodeMove = 1, DebugInfo = 2, CodeClose = 3;
    private const int LoadBytes = 40, MoveBytes = 48, DebugBytes = 16, LineBytes = 16;
    private const int MaxNameBytes = 16 * 1024;
    private const int MaxRecords = 4 * JitCodeTable.MaxCodes;
    private const int MaxDebugRecordBytes = 4 << 20;
    private const int MaxLines = 8 << 20;

    private readonly SafeFileHandle _file;
    private readonly List<JitCode> _codes = [];
    private readonly Dictionary<ulong, JitCode> _byIndex = [];
    private readonly Dictionary<ulong, IReadOnlyList<JitLine>> _lines = []; // of the code that comes next at that address
    private readonly Dictionary<string, string> _files = [];
    private bool _hasTimes;
    private int _lineCount;
    private long _damaged;

    private JitDump(SafeFileHandle file) => _file = file;

    /// <param name="damaged">Records that are none, or are beyond what is read of a file.</param>
    /// <exception cref="BadElfException">It is no jitdump.</exception>
    public static JitCodeTable Read(SafeFileHandle file, out long damaged)
    {
        var dump = new JitDump(file);
        dump.ReadRecords();
        damaged = dump._damaged;
        return new JitCodeTable(dump._codes);
    }

    private void ReadRecords()
    {
        var header = new byte[HeaderBytes];
        if (RandomAccess.Read(_file, header, 0) != HeaderBytes || U32(header, 0) != Magic || U32(header, 4) != 1)
            throw new BadElfException("is not a jitdump of version 1 in this byte order");
        // Another clock than the recording's: then the times are not known.
        _hasTimes = (U64(header, 32) & ArchTimestamps) == 0;
        var position = (long)U32(header, 8);
        var prefix = new byte[PrefixBytes];
        for (var records = 0; RandomAccess.Read(_file, prefix, position) == PrefixBytes; records++)
        {
            var size = U32(prefix, 4);
            if (size < PrefixBytes || records == MaxRecords || _codes.Count >= JitCodeTable.MaxCodes)
            {
                _damaged++; // where the next begins is not known
                return;
            }

            var id = U32(prefix, 0);
            if (id == CodeClose)
                return;
            if (!Take(id, _hasTimes ? (long)U64(prefix, 8) : long.MinValue, position + PrefixBytes, size - PrefixBytes))
                _damaged++;
            position += size;
        }
    }

    private bool Take(uint id, long timeNs, long position, uint length) => id switch
    {
        CodeLoad => Load(timeNs, position, length),
        CodeMove => Move(timeNs, position, length),
        DebugInfo => Lines(position, length),
        _ => true, // unwinding tables, and what is not defined yet
    };

    // pid, tid, vma, code_addr, code_size, code_index, name, code
    private bool Load(long timeNs, long position, uint length)
    {
        var bytes = Read(position, (int)Math.Min(length, LoadBytes + MaxNameBytes));
        if (bytes.Length <= LoadBytes || Text(bytes.AsSpan(LoadBytes)) is not { Length: > 0 } name)
            return false;
        var (start, size) = (U64(bytes, 16), U64(bytes, 24));
        _lines.Remove(start, out var lines);
        return Add(U64(bytes, 32), start, size, timeNs, name, lines);
    }

    // pid, tid, vma, old_code_addr, new_code_addr, code_size, code_index
    private bool Move(long timeNs, long position, uint length)
    {
        var bytes = Read(position, (int)Math.Min(length, MoveBytes));
        if (bytes.Length < MoveBytes || !_byIndex.TryGetValue(U64(bytes, 40), out var code))
            return false;
        var to = U64(bytes, 24);
        var moved = code.Lines?.Select(line => line with { Address = line.Address - code.Start + to }).ToList();
        return Add(U64(bytes, 40), to, U64(bytes, 32), timeNs, code.Name, moved);
    }

    private bool Add(ulong index, ulong start, ulong size, long timeNs, string name, IReadOnlyList<JitLine>? lines)
    {
        if (size is 0 or > JitCodeTable.MaxCodeBytes || start > ulong.MaxValue - size)
            return false;
        var code = new JitCode(start, start + size, timeNs, name, lines);
        _codes.Add(code);
        _byIndex[index] = code;
        return true;
    }

    // code_addr, nr_entry, then entries: address, line, discriminator, file; a file of "\xff" is that of the entry before.
    private bool Lines(long position, uint length)
    {
        if (length is < DebugBytes or > MaxDebugRecordBytes)
            return false;
        var bytes = Read(position, (int)length);
        if (bytes.Length < length)
            return false;
        var lines = new List<JitLine>();
        var rest = bytes.AsSpan(DebugBytes);
        string? file = null;
        for (var count = U64(bytes, 8); count > 0; count--)
        {
            if (rest.Length <= LineBytes || rest[LineBytes..].IndexOf((byte)0) is not (>= 0 and var end) || _lineCount == MaxLines)
                return false;
            var name = rest.Slice(LineBytes, end);
            file = name is [0xff] && file is not null ? file : FileOf(name);
            if (BinaryPrimitives.ReadInt32LittleEndian(rest[8..]) is > 0 and var line)
                lines.Add(new JitLine(BinaryPrimitives.ReadUInt64LittleEndian(rest), file, line));
            _lineCount++;
            rest = rest[(LineBytes + end + 1)..];
        }

        _lines[U64(bytes, 0)] = [.. lines.OrderBy(line => line.Address)];
        return true;
    }

    private string FileOf(ReadOnlySpan<byte> name)
    {
        var text = Encoding.UTF8.GetString(name);
        if (_files.TryGetValue(text, out var known))
            return known;
        return _files[text] = text;
    }

    private byte[] Read(long position, int length)
    {
        var bytes = new byte[length];
        var read = RandomAccess.Read(_file, bytes, position);
        return read == length ? bytes : bytes[..read];
    }

    private static string? Text(ReadOnlySpan<byte> bytes) => bytes.IndexOf((byte)0) is >= 0 and var end ? Encoding.UTF8.GetString(bytes[..end]) : null;

    private static uint U32(byte[] bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(offset));

    private static ulong U64(byte[] bytes, int offset) => BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(offset));
}
