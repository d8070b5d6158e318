using System.Globalization;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// The other side of <see cref="ElfWorker"/>: this executable, started again, in which libdw reads untrusted files. Some of them
/// make libdw crash or run for ever (tests/Fuzz, kind elf); then only this process ends. It opens
/// nothing itself (<see cref="LowRights"/>): files come as descriptors.
/// </summary>
public static class ElfService
{
    /// <summary>First argument that makes the executable a service; not a verb for people.</summary>
    public const string Verb = "__elf";

    private const ulong MaxCpuSeconds = 20;

    private static readonly List<ModuleSymbols> Modules = [];

    private static int _socket;

    /// <param name="args">Verb, fd of the socket; see also <see cref="LowRights.GiveUp"/>.</param>
    public static int Run(string[] args)
    {
        LowRights.GiveUp(args);
        MemoryBudget.LimitHeap(share: 2);
        _socket = int.Parse(args[1], CultureInfo.InvariantCulture);
        // Code that opens files must have done so before the filter is set.
        var reason = Libdw.Reason;
        Demangler.Load();
        var error = LowRights.Confine();
        reason ??= error == 0 ? null : $"this kernel does not confine the process that reads it: {Errno.Describe(error)}";
        Reply(ElfReply.Ready, _ => { });
        while (ElfWire.Read(_socket, -1, out var file) is { } request)
        {
            LowRights.LimitCpu(MaxCpuSeconds);
            Answer(new BinaryReader(new MemoryStream(request)), file, reason);
        }

        return 0;
    }

    /// <summary>Called back by libdw if a module's own file does not have its debug information.</summary>
    internal static SafeFileHandle? FindDebugFile(DebugFileName name)
    {
        Reply(ElfReply.WantsDebugFile, message => ElfWire.Write(message, name));
        return ElfWire.Read(_socket, -1, out var file) is null ? null : file;
    }

    private static void Reply(ElfReply kind, Action<BinaryWriter> write)
    {
        var stream = new MemoryStream();
        var reply = new BinaryWriter(stream);
        reply.Write((byte)kind);
        write(reply);
        _ = ElfWire.Write(_socket, stream.ToArray());
    }

    private static void Answer(BinaryReader request, SafeFileHandle? file, string? reason)
    {
        try
        {
            if (reason is not null)
                throw new BadElfException($"cannot be read: {reason}");
            // Written only when it is complete, because requests to the recorder may come before it.
            var stream = new MemoryStream();
            Answer(request, file, new BinaryWriter(stream));
            Reply(ElfReply.Answer, reply => reply.Write(stream.GetBuffer().AsSpan(0, (int)stream.Length)));
        }
        catch (BadElfException e)
        {
            Reply(ElfReply.Refusal, reply => reply.Write(e.Message));
        }
    }

    private static void Answer(BinaryReader request, SafeFileHandle? file, BinaryWriter reply)
    {
        switch ((ElfRequest)request.ReadByte())
        {
            case ElfRequest.Unwind:
                WriteUnwindTable(file!, request.ReadString(), reply);
                break;
            case ElfRequest.Open:
                Open(file!, request.ReadString(), reply);
                break;
            case ElfRequest.Find:
                ElfWire.Write(reply, Modules[request.ReadInt32()].Find(request.ReadUInt64()));
                break;
        }
    }

    private static void WriteUnwindTable(SafeFileHandle file, string path, BinaryWriter reply)
    {
        using var elf = ElfFile.Open(file);
        if (elf.Code is not { } code)
            throw new BadElfException("has no code");
        var rows = UnwindTable.Make(elf);
        reply.Write(code.Address);
        reply.Write(code.Offset);
        reply.Write(code.MemoryBytes);
        reply.Write(elf.Interpreter ?? "");
        var (names, folders) = NeededLibraries.Read(elf);
        WriteAll(reply, names);
        WriteAll(reply, folders);
        var python = PythonRuntime.Find(elf, path);
        reply.Write(python is not null);
        if (python is { Layout: var layout })
        {
            reply.Write(python.Address);
            ElfWire.WriteAll(reply, new ReadOnlySpan<PythonLayout>(in layout));
        }

        ElfWire.WriteAll<UnwindRow>(reply, CollectionsMarshal.AsSpan(rows));
    }

    private static void WriteAll(BinaryWriter reply, IReadOnlyList<string> texts)
    {
        reply.Write(texts.Count);
        foreach (var text in texts)
            reply.Write(text);
    }

    private static void Open(SafeFileHandle file, string path, BinaryWriter reply)
    {
        var module = new ModuleSymbols(ElfFile.Open(file), path);
        Modules.Add(module);
        reply.Write(Modules.Count - 1);
        reply.Write(module.BuildId ?? "");
        ElfWire.WriteAll<Libdw.ProgramHeader>(reply, [.. module.Segments]);
    }
}
