using System.Runtime.InteropServices;
using System.Text;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// The other side of <see cref="ElfWorker"/>: this very executable, started again, in which libdw reads files that nobody vouches
/// for. Some of them make it crash or run for ever (tests/Recorder/Symbols/ElfFuzzTests.cs); then only this process ends.
/// </summary>
public static unsafe class ElfService
{
    /// <summary>First argument that makes the executable a service; not a verb for people.</summary>
    public const string Verb = "__elf";

    /// <summary>Beyond what the process has at its start; libdw maps files and unpacks sections.</summary>
    private const ulong MaxMemoryBytes = 4UL << 30;

    private const ulong MaxCpuSeconds = 20;

    private static readonly List<ModuleSymbols> _modules = [];

    /// <param name="args">Verb, fd to read requests from, fd to reply to.</param>
    public static int Run(string[] args)
    {
        var (requests, replies) = (int.Parse(args[1]), int.Parse(args[2]));
        Limit();
        while (ElfWire.Read(requests, -1) is { } request)
        {
            LimitCpu();
            ElfWire.Write(replies, Answer(new BinaryReader(new MemoryStream(request))));
        }
        return 0;
    }

    private static byte[] Answer(BinaryReader request)
    {
        var stream = new MemoryStream();
        var reply = new BinaryWriter(stream);
        try
        {
            if (Libdw.Refusal is { } refusal) // asking also prepares libelf
                throw new BadElfException($"cannot be read: {refusal}");
            reply.Write(true);
            Answer(request, reply);
        }
        catch (BadElfException e)
        {
            stream.SetLength(0);
            reply.Write(false);
            reply.Write(e.Message);
        }
        return stream.ToArray();
    }

    private static void Answer(BinaryReader request, BinaryWriter reply)
    {
        switch ((ElfRequest)request.ReadByte())
        {
            case ElfRequest.Unwind:
                WriteUnwindTable(request.ReadString(), reply);
                break;
            case ElfRequest.Open:
                Open(request.ReadString(), request.ReadUInt64(), reply);
                break;
            case ElfRequest.Find:
                Find(_modules[request.ReadInt32()], request.ReadUInt64(), reply);
                break;
        }
    }

    private static void WriteUnwindTable(string path, BinaryWriter reply)
    {
        using var elf = ElfFile.Open(path == ElfWorker.Vdso ? VdsoFile() : path);
        if (elf.Code is not { } code)
            throw new BadElfException("has no code");
        var rows = UnwindTable.Make(elf);
        reply.Write(code.Address);
        reply.Write(code.Offset);
        reply.Write(code.MemoryBytes);
        reply.Write(elf.Interpreter ?? "");
        var needed = NeededLibraries.Of(elf, path);
        reply.Write(needed.Count);
        foreach (var library in needed)
            reply.Write(library);
        var python = PythonRuntime.Find(elf, path);
        reply.Write(python is not null);
        if (python is { Layout: var layout })
        {
            reply.Write(python.Address);
            reply.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<PythonLayout>(in layout)));
        }
        reply.Write(rows.Count);
        reply.Write(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(rows)));
    }

    private static void Open(string path, ulong inode, BinaryWriter reply)
    {
        var module = path == ElfWorker.Vdso ? new ModuleSymbols(VdsoFile()) : inode == 0 ? new ModuleSymbols(path) : new ModuleSymbols(path, inode);
        _modules.Add(module);
        reply.Write(_modules.Count - 1);
        reply.Write(module.BuildId ?? "");
        var segments = module.Segments;
        reply.Write(segments.Count);
        foreach (var segment in segments)
            reply.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<Libdw.ProgramHeader>(in segment)));
    }

    private static void Find(ModuleSymbols module, ulong address, BinaryWriter reply)
    {
        var names = module.Find(address);
        reply.Write(names.Count);
        foreach (var name in names)
        {
            reply.Write(name.Function ?? "");
            reply.Write(name.File ?? "");
            reply.Write(name.Line ?? 0);
        }
    }

    /// <summary>The kernel's own library, which every process has in its memory, as a file.</summary>
    private static string VdsoFile()
    {
        var start = Libc.Getauxval(Libc.AuxvSysinfoEhdr);
        var line = File.ReadLines("/proc/self/maps").FirstOrDefault(line => line.EndsWith("[vdso]", StringComparison.Ordinal));
        if (start == 0 || line is null)
            throw new BadElfException("is not in our memory");
        var end = Convert.ToUInt64(line.Split(' ')[0].Split('-')[1], 16);
        var fd = Libc.MemfdCreate("vdso", 0);
        _ = Libc.Write(fd, (void*)start, (nuint)(end - start));
        return $"/proc/self/fd/{fd}";
    }

    private static void Limit()
    {
        // What libdw or the runtime says of a crash is told better by who asked.
        _ = Libc.Dup2(Libc.Open("/dev/null", 1, 0), 2);
        SetLimit(Libc.RlimitCore, 0);
        // Where memory ends, the recorder and what it records shall not be chosen.
        if (Libc.Open("/proc/self/oom_score_adj", 1, 0) is >= 0 and var score)
        {
            fixed (byte* worst = "1000"u8)
                _ = Libc.Write(score, worst, 4);
            _ = Libc.Close(score);
        }
        var pages = ulong.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[0]);
        SetLimit(Libc.RlimitAs, pages * (ulong)Environment.SystemPageSize + MaxMemoryBytes);
    }

    private static void LimitCpu()
        => SetLimit(Libc.RlimitCpu, (ulong)Environment.CpuUsage.TotalTime.TotalSeconds + MaxCpuSeconds, keepHard: true);

    private static void SetLimit(int resource, ulong value, bool keepHard = false)
    {
        Libc.Rlimit limit;
        _ = Libc.Getrlimit(resource, &limit);
        limit = new Libc.Rlimit(value, keepHard ? limit.Hard : value);
        _ = Libc.Setrlimit(resource, &limit);
    }
}

internal enum ElfRequest : byte
{
    /// <summary>Path; reply: code address, offset, bytes, interpreter, needed libraries, rows.</summary>
    Unwind,

    /// <summary>Path, inode or 0 for any; reply: number of the module, build id, program headers.</summary>
    Open,

    /// <summary>Number of the module, address in its file's space; reply: names, the innermost first.</summary>
    Find,
}

/// <summary>Messages over a pipe: four bytes of length, then the rest.</summary>
internal static unsafe class ElfWire
{
    private const int MaxBytes = 512 << 20;

    public static bool Write(int fd, ReadOnlySpan<byte> message)
    {
        var length = message.Length;
        return WriteAll(fd, MemoryMarshal.AsBytes(new ReadOnlySpan<int>(in length))) && WriteAll(fd, message);
    }

    /// <returns>Null: the other side is gone, or has said nothing for so long.</returns>
    /// <param name="timeoutMs">Between two parts of the message; -1: none.</param>
    public static byte[]? Read(int fd, int timeoutMs)
    {
        var length = 0;
        if (!ReadAll(fd, MemoryMarshal.AsBytes(new Span<int>(ref length)), timeoutMs) || length is < 0 or > MaxBytes)
            return null;
        var message = new byte[length];
        return ReadAll(fd, message, timeoutMs) ? message : null;
    }

    private static bool WriteAll(int fd, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            fixed (byte* pointer = bytes)
            {
                var written = Libc.Write(fd, pointer, (nuint)bytes.Length);
                if (written > 0)
                    bytes = bytes[(int)written..];
                else if (written == 0 || Marshal.GetLastPInvokeError() != Errno.Eintr)
                    return false;
            }
        }
        return true;
    }

    private static bool ReadAll(int fd, Span<byte> bytes, int timeoutMs)
    {
        while (!bytes.IsEmpty)
        {
            var poll = new Libc.PollFd { Fd = fd, Events = Libc.PollIn };
            var ready = Libc.Poll(&poll, 1, timeoutMs);
            if (ready == 0)
                return false;
            fixed (byte* pointer = bytes)
            {
                var read = ready < 0 ? -1 : Libc.Read(fd, pointer, (nuint)bytes.Length);
                if (read > 0)
                    bytes = bytes[(int)read..];
                else if (read == 0 || Marshal.GetLastPInvokeError() != Errno.Eintr)
                    return false;
            }
        }
        return true;
    }
}
