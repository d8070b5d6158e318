using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// Passes libdwfl's request for a file with a module's debug information on to the recorder, which opens files. The file that comes back
/// is used only if it is the right one: by its build id, otherwise by the checksum in .gnu_debuglink.
/// </summary>
// SAFETY: texts and build ids are those of libdw, which keeps them until the file that has them is closed, after the call; each is copied.
// No exception crosses into libdwfl: see FindDebugInfo.
internal static unsafe class DebugFileSearch
{
    private const uint CrcPolynomial = 0xedb88320; // of zlib and IEEE 802.3, reversed

    private static readonly uint[] CrcTable = [.. Enumerable.Range(0, 256).Select(CrcOf)];

    private static bool _isAsking;
    private static ExceptionDispatchInfo? _failure;

    /// <summary>Dwfl_Callbacks.find_debuginfo.</summary>
    /// <returns>A descriptor, which libdwfl closes; -1: none.</returns>
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    public static int FindDebugInfo(nint module, void** user, byte* name, ulong address, byte* file, byte* link, uint crc, byte** debugFile)
    {
        if (_isAsking)
            return -1;
        _isAsking = true; // libdwfl may ask again when it is asked for its DWARF
        try
        {
            return Find(module, Text(link), crc);
        }
        catch (Exception e) when (e is IOException or BadElfException)
        {
            return -1;
        }
        catch (Exception e)
        {
            // No exception may cross into libdwfl: kept here, thrown by ThrowIfFailed.
            _failure ??= ExceptionDispatchInfo.Capture(e);
            return -1;
        }
        finally
        {
            _isAsking = false;
        }
    }

    /// <summary>To be called when libdwfl has come back.</summary>
    public static void ThrowIfFailed()
    {
        var failure = _failure;
        _failure = null;
        failure?.Throw();
    }

    /// <summary>Lower hex; empty: there is none.</summary>
    public static string Hex(byte* bytes, nint length) => length > 0 ? Convert.ToHexStringLower(new ReadOnlySpan<byte>(bytes, (int)length)) : "";

    private static int Find(nint module, string link, uint crc)
    {
        byte* bits;
        byte* alternate;
        ulong unused;
        // If the module already has its DWARF, libdwfl asks for the part that dwz moved out; it has no checksum.
        var dwarf = link.Length > 0 && crc == 0 ? Libdw.ModuleDwarf(module, &unused) : 0;
        var length = dwarf == 0 ? Libdw.ModuleBuildId(module, &bits, &unused) : Libdw.AlternateLink(dwarf, &alternate, &bits);
        var buildId = Hex(bits, length);
        if (ElfService.FindDebugFile(new DebugFileName(buildId, link, IsAlternate: dwarf != 0)) is not { } found)
            return -1;
        using (found)
        {
            var isRight = buildId.Length > 0 ? BuildIdOf(found) == buildId : ChecksumOf(found) == crc;
            return isRight ? Libc.Dup((int)found.DangerousGetHandle()) : -1;
        }
    }

    private static string BuildIdOf(SafeFileHandle file)
    {
        var elf = Libdw.ElfBegin((int)file.DangerousGetHandle(), Libdw.ElfReadMmap, 0);
        if (elf == 0)
            return "";
        byte* bits;
        var length = Libdw.ElfBuildId(elf, &bits);
        var buildId = Hex(bits, length);
        _ = Libdw.ElfEnd(elf);
        return buildId;
    }

    private static uint ChecksumOf(SafeFileHandle file)
    {
        var crc = uint.MaxValue;
        var buffer = new byte[1 << 16];
        for (long at = 0; RandomAccess.Read(file, buffer, at) is > 0 and var read; at += read)
        {
            foreach (var value in buffer.AsSpan(0, read))
                crc = CrcTable[(byte)(crc ^ value)] ^ (crc >> 8);
        }

        return ~crc;
    }

    private static uint CrcOf(int value)
    {
        var crc = (uint)value;
        for (var bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? (crc >> 1) ^ CrcPolynomial : crc >> 1;
        return crc;
    }

    private static string Text(byte* text) => text == null ? "" : Marshal.PtrToStringUTF8((nint)text)!;
}
