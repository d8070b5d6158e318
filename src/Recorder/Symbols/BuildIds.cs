using System.Buffers.Binary;
using System.Globalization;
using Faultrec.Recorder.Native;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// Build ids of the files whose code was mapped, read from the files when the trace is made: a file that was replaced meanwhile gets
/// none. The kernel could report them with each mapping, but only at the expense of other tools' records (Capture/Sideband.cs).
/// </summary>
internal static class BuildIds
{
    // elf(5)
    private const int HeaderBytes = 64;
    private const uint NoteSegment = 4; // PT_NOTE
    private const uint BuildIdNote = 3; // NT_GNU_BUILD_ID
    private const int NoteHeadBytes = 12;
    private const int MaxSegments = 1024;
    private const int MaxNoteBytes = 64 << 10;
    private const int MaxIdBytes = 64;

    private static ReadOnlySpan<byte> GnuName => "GNU\0"u8;

    /// <summary>Every region of a file that is mapped for execution anywhere gets the file's build id.</summary>
    public static IReadOnlyList<Region> AddTo(IReadOnlyList<Region> regions, MappedFiles files)
    {
        var ids = new Dictionary<(string Path, ulong Inode, string? Device), string?>();
        foreach (var region in regions)
        {
            if (region is { Path: { } path, Prot: [_, _, 'x', ..] } && !ids.ContainsKey((path, region.Inode, region.Device)))
                ids[(path, region.Inode, region.Device)] = Find(files.Find(path, region.Inode), region.Inode, region.Device);
        }

        return [.. regions.Select(region => region.Path is { } path && ids.GetValueOrDefault((path, region.Inode, region.Device)) is { } id
            ? region with { BuildId = id }
            : region)];
    }

    /// <summary>Hex; null: the file has none, cannot be read, or is not the one that was mapped.</summary>
    private static string? Find(string name, ulong inode, string? device)
    {
        // Non-blocking: the path may be a pipe by now.
        using var file = new FdHandle(Libc.Open(name, Libc.OCloexec | Libc.ONonblock, 0));
        if (file.IsInvalid || Libc.TryGetDeviceAndInode($"/proc/self/fd/{file.Fd}") is not { } found || found.Inode != inode || !IsSame(found.Device, device))
            return null;
        try
        {
            using var stream = File.OpenRead($"/proc/self/fd/{file.Fd}");
            return stream.CanSeek ? Read(stream) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The build id of an ELF file of this byte order; null: it has none, or is not such a file.</summary>
    public static string? Read(Stream file)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (!TryRead(file, 0, header) || header is not [0x7f, (byte)'E', (byte)'L', (byte)'F', 1 or 2, 1, ..])
            return null;
        var is64 = header[4] == 2;
        var (place, size, count) = is64
            ? (BinaryPrimitives.ReadInt64LittleEndian(header[32..]), U16(header, 54), U16(header, 56))
            : (BinaryPrimitives.ReadUInt32LittleEndian(header[28..]), U16(header, 42), U16(header, 44));
        if (size != (is64 ? 56 : 32) || count > MaxSegments)
            return null;
        Span<byte> segment = stackalloc byte[size];
        for (var i = 0; i < count; i++)
        {
            if (!TryRead(file, place + (long)i * size, segment))
                return null;
            if (BinaryPrimitives.ReadUInt32LittleEndian(segment) != NoteSegment)
                continue;
            var (offset, bytes, alignment) = is64
                ? (BinaryPrimitives.ReadInt64LittleEndian(segment[8..]), BinaryPrimitives.ReadUInt64LittleEndian(segment[32..]),
                    BinaryPrimitives.ReadUInt64LittleEndian(segment[48..]))
                : (U32(segment, 4), U32(segment, 16), U32(segment, 28));
            var notes = new byte[Math.Min(bytes, MaxNoteBytes)];
            if (TryRead(file, offset, notes) && FindIn(notes, alignment == 8 ? 8 : 4) is { } id)
                return id;
        }

        return null;
    }

    private static string? FindIn(ReadOnlySpan<byte> notes, int alignment)
    {
        while (notes.Length >= NoteHeadBytes)
        {
            var (nameBytes, idBytes, type) = (U32(notes, 0), U32(notes, 4), U32(notes, 8));
            var idAt = Align(NoteHeadBytes + (long)nameBytes, alignment);
            var next = Align(idAt + idBytes, alignment);
            if (idAt + idBytes > notes.Length)
                return null;
            if (type == BuildIdNote && idBytes is > 0 and <= MaxIdBytes && notes.Slice(NoteHeadBytes, (int)nameBytes).SequenceEqual(GnuName))
                return Convert.ToHexStringLower(notes.Slice((int)idAt, (int)idBytes));
            notes = notes[(int)Math.Min(next, notes.Length)..];
        }

        return null;
    }

    /// <summary>
    /// A file system without a device of its own, such as btrfs and overlayfs, has two device numbers for one file: mappings show another one
    /// than stat(2). Both have major 0.
    /// </summary>
    private static bool IsSame(uint found, string? mapped)
    {
        const int minorBits = 20;
        var parts = mapped?.Split(':') ?? [];
        if (parts.Length != 2 || !TryHex(parts[0], out var major) || !TryHex(parts[1], out var minor))
            return false;
        return Libc.KernelDevice(major, minor) == found || major == 0 && found >> minorBits == 0;
    }

    private static bool TryHex(string text, out uint value) => uint.TryParse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out value);

    private static bool TryRead(Stream file, long offset, Span<byte> bytes)
    {
        if (offset < 0 || offset > file.Length)
            return false;
        file.Position = offset;
        return file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) == bytes.Length;
    }

    private static long Align(long value, int alignment) => (value + alignment - 1) & -alignment;

    private static ushort U16(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int at) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);
}
