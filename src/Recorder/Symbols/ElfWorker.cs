using System.Globalization;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Launch;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>What the probes need of a file to unwind through it.</summary>
/// <param name="Interpreter">The dynamic linker that it asks for; null: none.</param>
/// <param name="Needed">Libraries that it names.</param>
/// <param name="Python">Null: it is no Python interpreter that is known.</param>
/// <param name="Rows">By ascending address.</param>
internal sealed record UnwindFile(
    ulong CodeAddress, ulong CodeOffset, ulong CodeBytes, string? Interpreter, IReadOnlyList<string> Needed, PythonRuntime? Python, UnwindRow[] Rows);

/// <summary>
/// libdw in a process of its own (<see cref="ElfService"/>). A file at which that crashes, or takes too long or too much memory,
/// is a bad one, and the next question goes to a new process. One thread uses it.
/// </summary>
internal sealed unsafe class ElfWorker : IDisposable
{
    /// <summary>Stands for the kernel's library, in place of a path.</summary>
    public const string Vdso = "[vdso]";

    private const int TimeoutMs = 30_000;
    private const int Sigkill = 9;
    private const int Sigxcpu = 24;

    private int _opened;
    private FdHandle? _requests;
    private FdHandle? _replies;
    private int _pid;

    /// <summary>How it is started; a test's own executable is not the one.</summary>
    public static IReadOnlyList<string> Command { get => field ??= Launcher.SelfCommand(); set; }

    /// <summary>Processes so far: what one has opened the next does not know.</summary>
    public int Generation { get; private set; }

    /// <summary>How many of them did not survive a file.</summary>
    public int Crashes { get; private set; }

    /// <exception cref="BadElfException">It has no code or no table, or they cannot be read.</exception>
    public UnwindFile MakeUnwindTable(string path)
    {
        var reply = Ask(ElfRequest.Unwind, request => request.Write(path));
        var (address, offset, bytes, interpreter) = (reply.ReadUInt64(), reply.ReadUInt64(), reply.ReadUInt64(), reply.ReadString());
        var needed = new string[reply.ReadInt32()];
        for (var i = 0; i < needed.Length; i++)
            needed[i] = reply.ReadString();
        PythonRuntime? python = null;
        if (reply.ReadBoolean())
        {
            PythonLayout layout = default;
            var runtime = reply.ReadUInt64();
            reply.BaseStream.ReadExactly(MemoryMarshal.AsBytes(new Span<PythonLayout>(ref layout)));
            python = new PythonRuntime(runtime, layout);
        }
        var rows = new UnwindRow[reply.ReadInt32()];
        reply.BaseStream.ReadExactly(MemoryMarshal.AsBytes(rows.AsSpan()));
        return new UnwindFile(address, offset, bytes, interpreter.Length == 0 ? null : interpreter, needed, python, rows);
    }

    /// <param name="inode">0: whatever is at the path.</param>
    /// <exception cref="BadElfException">It is not there, not the one that was mapped, or cannot be read.</exception>
    public (int Module, string? BuildId, Libdw.ProgramHeader[] Segments) Open(string path, ulong inode)
    {
        BinaryReader reply;
        try
        {
            reply = Ask(ElfRequest.Open, Write);
        }
        catch (LostElfWorkerException e) when (e.HadOthers)
        {
            reply = Ask(ElfRequest.Open, Write);
        }
        _opened++;
        var (module, buildId) = (reply.ReadInt32(), reply.ReadString());
        var segments = new Libdw.ProgramHeader[reply.ReadInt32()];
        reply.BaseStream.ReadExactly(MemoryMarshal.AsBytes(segments.AsSpan()));
        return (module, buildId.Length == 0 ? null : buildId, segments);

        void Write(BinaryWriter request)
        {
            request.Write(path);
            request.Write(inode);
        }
    }

    /// <returns>The innermost first; never empty.</returns>
    /// <param name="module">Of this generation.</param>
    public IReadOnlyList<CodeName> Find(int module, ulong address)
    {
        var reply = Ask(ElfRequest.Find, request =>
        {
            request.Write(module);
            request.Write(address);
        });
        var names = new CodeName[reply.ReadInt32()];
        for (var i = 0; i < names.Length; i++)
        {
            var (function, file, line) = (reply.ReadString(), reply.ReadString(), reply.ReadInt32());
            names[i] = new CodeName(function.Length == 0 ? null : function, file.Length == 0 ? null : file, line > 0 ? line : null);
        }
        return names;
    }

    public void Dispose() => End(kill: false);

    private BinaryReader Ask(ElfRequest kind, Action<BinaryWriter> write)
    {
        if (_requests is null)
            Start();
        var stream = new MemoryStream();
        var request = new BinaryWriter(stream);
        request.Write((byte)kind);
        write(request);
        if (!ElfWire.Write(_requests!.Fd, stream.ToArray()) || ElfWire.Read(_replies!.Fd, TimeoutMs) is not { } bytes)
        {
            Crashes++;
            throw new LostElfWorkerException($"cannot be read: libdw {End(kill: true)}", _opened > (kind == ElfRequest.Find ? 1 : 0));
        }
        var reply = new BinaryReader(new MemoryStream(bytes));
        return reply.ReadBoolean() ? reply : throw new BadElfException(reply.ReadString());
    }

    private void Start()
    {
        var (requestRead, requestWrite) = Launcher.Pipe();
        var (replyRead, replyWrite) = Launcher.Pipe();
        using (requestRead)
        using (replyWrite)
        {
            _ = Libc.Fcntl(requestRead.Fd, Libc.FSetfd, 0);
            _ = Libc.Fcntl(replyWrite.Fd, Libc.FSetfd, 0);
            _pid = Launcher.Spawn([.. Command, ElfService.Verb, Text(requestRead.Fd), Text(replyWrite.Fd)], isHelper: true);
        }
        (_requests, _replies) = (requestWrite, replyRead);
        Generation++;
        _opened = 0;
    }

    /// <returns>How it ended, to follow "libdw".</returns>
    private string End(bool kill)
    {
        if (_requests is null)
            return "";
        _requests.Dispose();
        _replies!.Dispose();
        _requests = null;
        var status = 0;
        Libc.Rusage usage;
        // Its end of a pipe closes a moment before it can be waited for.
        for (var tries = kill ? 10 : 0; tries > 0; tries--)
        {
            if (Libc.Wait4(_pid, &status, Libc.Wnohang, &usage) == _pid)
                return Describe(status);
            Thread.Sleep(10);
        }
        if (kill)
            _ = Libc.Kill(_pid, Sigkill);
        while (Libc.Wait4(_pid, &status, 0, &usage) < 0 && Marshal.GetLastPInvokeError() == Errno.Eintr)
        {
        }
        return "takes too long";
    }

    // wait(2): the low 7 bits are the signal. A runtime that finds no more memory exits or aborts.
    private static string Describe(int status) => (status & 0x7f) switch
    {
        0 => "gives up",
        Sigxcpu or Sigkill => "takes too long",
        var signal => string.Create(CultureInfo.InvariantCulture, $"crashes (signal {signal})"),
    };

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}

/// <summary>The process ended, or had to be ended, at a question about a file.</summary>
/// <param name="hadOthers">It had more files open: one of those may have used up its memory.</param>
internal sealed class LostElfWorkerException(string message, bool hadOthers) : BadElfException(message)
{
    public bool HadOthers => hadOthers;
}
