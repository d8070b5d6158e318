using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>What the probes need to know about a file to unwind through it.</summary>
/// <param name="Interpreter">The dynamic linker that it asks for; null: none.</param>
/// <param name="Needed">Libraries that it names.</param>
/// <param name="Python">Null: not a known Python interpreter.</param>
/// <param name="Rows">By ascending address.</param>
internal sealed record UnwindFile(
    ulong CodeAddress, ulong CodeOffset, ulong CodeBytes, string? Interpreter, IReadOnlyList<string> Needed, PythonRuntime? Python, UnwindRow[] Rows);

/// <summary>
/// libdw in a process of its own (<see cref="ElfService"/>), which has no rights: files are opened here. If libdw crashes on a file, or
/// takes too long or too much memory, the file is reported as bad, and the next request goes to a new process. Used by one thread.
/// </summary>
/// <param name="debugFiles">Null: no separate debug files are searched.</param>
/// <param name="forSystemFiles">Its answers are kept: no user who calls sudo may change them, so the process is not that user's.</param>
internal sealed class ElfWorker(DebugFiles? debugFiles, bool forSystemFiles = false) : IDisposable
{
    /// <summary>Stands for the kernel's library, in place of a path.</summary>
    public const string Vdso = "[vdso]";

    private const int TimeoutMs = 30_000;

    private readonly List<OpenedModule> _opened = [];
    private ServiceProcess? _process;

    /// <summary>Null: it is not running.</summary>
    public int? ProcessId => _process?.Pid;

    /// <summary>Number of processes so far: a process does not know the files that an earlier one opened.</summary>
    public int Generation { get; private set; }

    /// <summary>The process was given nothing but system files, if that holds for the files given to <see cref="Open(string, RegularFile)"/>.</summary>
    public bool HasOnlySystemFiles { get; private set; } = true;

    /// <summary>How many of them did not survive a file.</summary>
    public int Crashes { get; private set; }

    /// <param name="path">As the program sees it, or <see cref="Vdso"/>.</param>
    /// <param name="name">Under which it can be opened.</param>
    /// <exception cref="BadElfException">It has no code or no table, or they cannot be read.</exception>
    public UnwindFile MakeUnwindTable(string path, string name)
    {
        using var file = ElfInput.OpenMapped(path, name, inode: 0);
        return ReadUnwindFile(MakeUnwindTable(path, file), path);
    }

    /// <returns>The answer, which <see cref="ReadUnwindFile"/> reads.</returns>
    /// <exception cref="BadElfException">See <see cref="MakeUnwindTable(string, string)"/>.</exception>
    public byte[] MakeUnwindTable(string path, RegularFile file)
        => Ask(ElfRequest.Unwind, request => request.Write(path), file, reply =>
        {
            var answer = reply.ReadBytes((int)(reply.BaseStream.Length - reply.BaseStream.Position));
            _ = ReadUnwindFile(answer, path);
            return answer;
        });

    /// <exception cref="EndOfStreamException">It is no such answer; the same holds for ArgumentException and FormatException.</exception>
    public static UnwindFile ReadUnwindFile(byte[] answer, string path)
    {
        var reply = new BinaryReader(new MemoryStream(answer));
        var (address, offset, bytes, interpreter) = (reply.ReadUInt64(), reply.ReadUInt64(), reply.ReadUInt64(), reply.ReadString());
        var (libraries, folders) = (ReadTexts(reply), ReadTexts(reply));
        PythonRuntime? python = null;
        if (reply.ReadBoolean())
            python = new PythonRuntime(reply.ReadUInt64(), ElfWire.ReadAll<PythonLayout>(reply) is [var layout] ? layout : throw new EndOfStreamException());
        var rows = ElfWire.ReadAll<UnwindRow>(reply);
        return new UnwindFile(
            address, offset, bytes, interpreter.Length == 0 ? null : interpreter, NeededLibraries.Find(libraries, folders, path), python, rows);
    }

    /// <param name="path">As the program sees it, or <see cref="Vdso"/>.</param>
    /// <param name="name">Under which it can be opened.</param>
    /// <param name="inode">0: whatever is there.</param>
    /// <exception cref="BadElfException">It is not there, not the one that was mapped, or cannot be read.</exception>
    public (int Module, string? BuildId, Libdw.ProgramHeader[] Segments) Open(string path, string name, ulong inode)
    {
        using var file = ElfInput.OpenMapped(path, name, inode);
        return Open(path, file);
    }

    public (int Module, string? BuildId, Libdw.ProgramHeader[] Segments) Open(string path, RegularFile file)
    {
        try
        {
            return AskToOpen(path, file);
        }
        catch (LostElfWorkerException e) when (e.HadOthers)
        {
            return AskToOpen(path, file);
        }
    }

    /// <param name="module">Of this generation.</param>
    public NamedCode Find(int module, ulong address)
        => Ask(
            ElfRequest.Find,
            request =>
            {
                request.Write(module);
                request.Write(address);
            },
            null,
            reply => ElfWire.ReadNames(reply) is var code && address - code.Start < code.End - code.Start ? code : throw new FormatException(),
            _opened[module]);

    /// <summary>The debug files that a module asked for so far, and what it got.</summary>
    /// <param name="module">Of this generation.</param>
    public IReadOnlyList<(DebugFileName Name, FileVersion? Found)> DebugFilesOf(int module) => _opened[module].DebugFiles;

    public void Dispose()
    {
        _process?.Close();
        _process = null;
    }

    private (int Module, string? BuildId, Libdw.ProgramHeader[] Segments) AskToOpen(string path, RegularFile file)
    {
        var module = new OpenedModule(path, file);
        var opened = Ask(
            ElfRequest.Open,
            request => request.Write(path),
            file,
            reply =>
            {
                var (number, buildId) = (reply.ReadInt32(), reply.ReadString());
                return (number, buildId.Length == 0 ? null : buildId, ElfWire.ReadAll<Libdw.ProgramHeader>(reply));
            },
            module);
        _opened.Add(module);
        return opened.number == _opened.Count - 1 ? opened : throw Lose("answers nonsense", hadOthers: false);
    }

    /// <param name="module">That it is about; null: its debug files are not looked for.</param>
    private T Ask<T>(ElfRequest kind, Action<BinaryWriter> write, RegularFile? file, Func<BinaryReader, T> read, OpenedModule? module = null)
    {
        var hadOthers = _opened.Count > (kind == ElfRequest.Find ? 1 : 0);
        var process = _process ??= Start();
        var stream = new MemoryStream();
        var request = new BinaryWriter(stream);
        request.Write((byte)kind);
        write(request);
        if (!process.Write(stream.ToArray(), file?.File))
            throw Lose(null, hadOthers);
        while (process.Read(TimeoutMs, out var unwanted) is { Length: > 0 } bytes)
        {
            unwanted?.Dispose();
            try
            {
                var reply = new BinaryReader(new MemoryStream(bytes));
                switch ((ElfReply)reply.ReadByte())
                {
                    case ElfReply.Answer:
                        return read(reply);
                    case ElfReply.Refusal:
                        throw new BadElfException(reply.ReadString());
                    case ElfReply.WantsDebugFile:
                        SendDebugFile(process, module, ElfWire.ReadDebugFileName(reply));
                        break;
                }
            }
            catch (Exception e) when (e is EndOfStreamException or FormatException or ArgumentException)
            {
                throw Lose("answers nonsense", hadOthers);
            }
        }

        throw Lose(null, hadOthers);
    }

    private void SendDebugFile(ServiceProcess process, OpenedModule? module, DebugFileName name)
    {
        using var found = module is null ? null : debugFiles?.Find(name, module);
        module?.DebugFiles.Add((name, found?.Version));
        HasOnlySystemFiles &= found is null || SystemFiles.Contains(found, found.Path);
        _ = process.Write([], found?.File);
    }

    private ServiceProcess Start()
    {
        var process = ServiceProcess.Start(ElfService.Verb, asksServers: false, asCaller: !forSystemFiles);
        HasOnlySystemFiles = true;
        Generation++;
        _opened.Clear();
        if (process.Read(TimeoutMs, out var unwanted) is [(byte)ElfReply.Ready])
            return process;
        unwanted?.Dispose();
        throw new BadElfException($"cannot be read: the process for it {process.Kill()}");
    }

    private LostElfWorkerException Lose(string? how, bool hadOthers)
    {
        Crashes++;
        var ended = _process!.Kill();
        _process = null;
        return new LostElfWorkerException($"cannot be read: libdw {how ?? ended}", hadOthers);
    }

    private static List<string> ReadTexts(BinaryReader reply)
    {
        var texts = new List<string>();
        for (var count = reply.ReadInt32(); count > 0; count--)
            texts.Add(reply.ReadString());
        return texts;
    }
}

/// <summary>A file that the service has open, for finding what belongs to it.</summary>
/// <param name="path">As the program saw it.</param>
internal sealed class OpenedModule(string path, RegularFile file)
{
    public string Path => path;

    public ulong Device { get; } = file.Device;

    public ulong Inode { get; } = file.Inode;

    public uint Owner { get; } = file.Owner;

    /// <summary>Of the debug file that was found for it: what that names is looked for beside it.</summary>
    public string? DebugPath { get; set; }

    /// <summary>What was asked for, and what was found; null: nothing.</summary>
    public List<(DebugFileName Name, FileVersion? Found)> DebugFiles { get; } = [];
}

/// <summary>The process ended, or had to be ended, during a request about a file.</summary>
/// <param name="hadOthers">It had more files open: one of those may have used up its memory.</param>
internal sealed class LostElfWorkerException(string message, bool hadOthers) : BadElfException(message)
{
    public bool HadOthers => hadOthers;
}
