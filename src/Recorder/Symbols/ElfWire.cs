using System.Diagnostics;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Symbols;

internal enum ElfRequest : byte
{
    /// <summary>The file, its path; reply: code address, offset, bytes, interpreter, needed libraries and where they may be, rows.</summary>
    Unwind,

    /// <summary>The file, its path; reply: number of the module, build id, program headers.</summary>
    Open,

    /// <summary>Number of the module, address in its file's space; reply: names, the innermost first.</summary>
    Find,
}

internal enum ElfReply : byte
{
    /// <summary>Once, before the first request: the service is confined.</summary>
    Ready,

    /// <summary>What was asked for.</summary>
    Answer,

    /// <summary>Why not.</summary>
    Refusal,

    /// <summary>
    /// A request of the service before it answers: a <see cref="DebugFileName"/>. The recorder sends the file, or a message without one.
    /// </summary>
    WantsDebugFile,

    /// <summary>Progress of a download: bytes have arrived.</summary>
    Progress,
}

/// <summary>A file with debug information that another file names.</summary>
/// <param name="BuildId">Build id of the wanted file, lower hex; empty: it has none.</param>
/// <param name="Link">Its name as .gnu_debuglink or .gnu_debugaltlink has it; empty: none.</param>
/// <param name="IsAlternate">It holds what the debug files of several programs share (dwz).</param>
internal readonly record struct DebugFileName(string BuildId, string Link, bool IsAlternate);

/// <summary>Messages over a socket: four bytes of length, then the contents. An open file is sent along with the length.</summary>
internal static class ElfWire
{
    private const int MaxBytes = 512 << 20;

    public static bool Write(int fd, ReadOnlySpan<byte> message, SafeFileHandle? file = null)
    {
        var length = message.Length;
        return WriteAll(fd, MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in length)), file) && WriteAll(fd, message, null);
    }

    /// <returns>Null: the other side is gone, or has not sent a whole message in time.</returns>
    /// <param name="timeoutMs">-1: none.</param>
    /// <param name="file">What came with it.</param>
    public static byte[]? Read(int fd, int timeoutMs, out SafeFileHandle? file)
    {
        var deadline = timeoutMs < 0 ? long.MaxValue : Stopwatch.GetTimestamp() + timeoutMs * (Stopwatch.Frequency / 1000);
        var length = 0;
        if (!ReadAll(fd, MemoryMarshal.AsBytes(new Span<int>(ref length)), deadline, out file) || length is < 0 or > MaxBytes)
            return null;
        var message = new byte[length];
        return ReadAll(fd, message, deadline, out _) ? message : null;
    }

    /// <summary>Number of elements, then the elements.</summary>
    public static void WriteAll<T>(BinaryWriter writer, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        writer.Write(values.Length);
        writer.Write(MemoryMarshal.AsBytes(values));
    }

    /// <exception cref="EndOfStreamException">There are fewer: a count is trusted only as far as there are bytes for it.</exception>
    public static T[] ReadAll<T>(BinaryReader reader)
        where T : unmanaged
    {
        var count = reader.ReadInt32();
        if (count < 0 || count > (reader.BaseStream.Length - reader.BaseStream.Position) / Marshal.SizeOf<T>())
            throw new EndOfStreamException();
        var values = new T[count];
        reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    public static void Write(BinaryWriter writer, DebugFileName name)
    {
        writer.Write(name.BuildId);
        writer.Write(name.Link);
        writer.Write(name.IsAlternate);
    }

    public static DebugFileName ReadDebugFileName(BinaryReader reader) => new(reader.ReadString(), reader.ReadString(), reader.ReadBoolean());

    public static void Write(BinaryWriter writer, NamedCode code)
    {
        writer.Write(code.Start);
        writer.Write(code.End);
        writer.Write(code.Names.Count);
        foreach (var name in code.Names)
        {
            writer.Write(name.Function ?? "");
            writer.Write(name.File ?? "");
            writer.Write(name.Line ?? 0);
        }
    }

    /// <exception cref="EndOfStreamException">There is no name, or fewer than announced.</exception>
    public static NamedCode ReadNames(BinaryReader reader)
    {
        var (start, end) = (reader.ReadUInt64(), reader.ReadUInt64());
        var names = new List<CodeName>();
        for (var count = reader.ReadInt32(); count > 0; count--)
        {
            var (function, source, line) = (reader.ReadString(), reader.ReadString(), reader.ReadInt32());
            names.Add(new CodeName(function.Length == 0 ? null : function, source.Length == 0 ? null : source, line > 0 ? line : null));
        }

        return names.Count > 0 ? new NamedCode(start, end, names) : throw new EndOfStreamException();
    }

    private static bool WriteAll(int fd, ReadOnlySpan<byte> bytes, SafeFileHandle? file)
    {
        while (!bytes.IsEmpty)
        {
            var written = Socket.Send(fd, bytes, file);
            if (written > 0)
            {
                bytes = bytes[(int)written..];
                file = null;
            }
            else if (written == 0 || Marshal.GetLastPInvokeError() != Errno.Eintr)
            {
                return false;
            }
        }

        return true;
    }

    private static bool ReadAll(int fd, Span<byte> bytes, long deadline, out SafeFileHandle? file)
    {
        file = null;
        while (!bytes.IsEmpty)
        {
            if (!WaitFor(fd, deadline))
                return false;
            var read = Socket.Receive(fd, bytes, out var came);
            if (came is not null && file is not null)
                came.Dispose();
            else
                file ??= came;
            if (read > 0)
                bytes = bytes[(int)read..];
            else if (read == 0 || Marshal.GetLastPInvokeError() != Errno.Eintr)
                return false;
        }

        return true;
    }

    // SAFETY: poll gets one struct pollfd, a local.
    private static unsafe bool WaitFor(int fd, long deadline)
    {
        while (true)
        {
            var leftMs = deadline == long.MaxValue ? -1 : (int)Math.Max((deadline - Stopwatch.GetTimestamp()) * 1000 / Stopwatch.Frequency, 0);
            var poll = new Libc.PollFd { Fd = fd, Events = Libc.PollIn };
            var ready = Libc.Poll(&poll, 1, leftMs);
            if (ready > 0)
                return true;
            if (ready == 0 || Marshal.GetLastPInvokeError() != Errno.Eintr)
                return false;
        }
    }
}
