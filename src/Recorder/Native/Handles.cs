using System.Runtime.InteropServices;

namespace Faultrec.Recorder.Native;

/// <summary>struct bpf_object: owns its maps and programs.</summary>
internal sealed class ObjectHandle() : SafeHandle(0, ownsHandle: true)
{
    public ObjectHandle(nint value) : this() => SetHandle(value);

    public override bool IsInvalid => handle == 0;

    /// <summary>The map libbpf made of a data section, ".rodata" or ".bss": its name may have the object's before it.</summary>
    // SAFETY: the name of a map is text of libbpf that lives as long as the object, which this handle keeps.
    public unsafe nint SectionMap(string section)
    {
        for (nint map = 0; (map = Libbpf.ObjectNextMap(this, map)) != 0;)
        {
            if (Marshal.PtrToStringUTF8((nint)Libbpf.MapName(map))!.EndsWith(section, StringComparison.Ordinal))
                return map;
        }

        throw new InvalidOperationException($"the BPF object has no {section}");
    }

    /// <summary>In the order of the source.</summary>
    // SAFETY: the name of a program is text of libbpf that lives as long as the object, which this handle keeps.
    public unsafe IReadOnlyList<(string Name, nint Program)> Programs()
    {
        var programs = new List<(string, nint)>();
        for (nint program = 0; (program = Libbpf.ObjectNextProgram(this, program)) != 0;)
            programs.Add((Marshal.PtrToStringUTF8((nint)Libbpf.ProgramName(program))!, program));
        return programs;
    }

    protected override bool ReleaseHandle()
    {
        Libbpf.ObjectClose(handle);
        return true;
    }
}

/// <summary>struct bpf_link: detaches its program when released.</summary>
internal sealed class LinkHandle() : SafeHandle(0, ownsHandle: true)
{
    public LinkHandle(nint value) : this() => SetHandle(value);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle() => Libbpf.LinkDestroy(handle) == 0;
}

/// <summary>struct ring_buffer: libbpf's reader of a BPF ring buffer map.</summary>
internal sealed class RingBufferHandle() : SafeHandle(0, ownsHandle: true)
{
    public RingBufferHandle(nint value) : this() => SetHandle(value);

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        Libbpf.RingBufferFree(handle);
        return true;
    }
}

/// <summary>A file descriptor that .NET has no class for.</summary>
internal sealed class FdHandle() : SafeHandle(-1, ownsHandle: true)
{
    public FdHandle(int fd) : this() => SetHandle(fd);

    public override bool IsInvalid => handle < 0;

    public int Fd => (int)handle;

    protected override bool ReleaseHandle() => Libc.Close((int)handle) == 0;
}

/// <summary>Mapped memory: of an fd and shared with the kernel, or of nobody else.</summary>
internal sealed class MappedMemory() : SafeHandle(-1, ownsHandle: true)
{
    private nuint _length;

    public override bool IsInvalid => handle == -1;

    /// <summary>Valid until the handle is disposed.</summary>
    // SAFETY: only whoever owns the handle uses the pointer, before disposing it, and within the length that was mapped.
    public unsafe byte* Pointer => (byte*)handle;

    public static MappedMemory Map(int fd, nuint length, bool writable, string what)
        => TryMap(fd, length, writable) ?? throw Errno.Failure(Marshal.GetLastPInvokeError(), $"mapping {what}");

    /// <summary>Null and errno when the kernel refuses.</summary>
    public static MappedMemory? TryMap(int fd, nuint length, bool writable) => TryMap(fd, length, writable, Libc.MapShared);

    /// <summary>Fresh memory of this process alone.</summary>
    public static MappedMemory MapAnonymous(nuint length, string what)
        => TryMap(-1, length, true, Libc.MapPrivate | Libc.MapAnonymous) ?? throw Errno.Failure(Marshal.GetLastPInvokeError(), $"mapping {what}");

    private static MappedMemory? TryMap(int fd, nuint length, bool writable, int flags)
    {
        var address = Libc.Mmap(0, length, Libc.ProtRead | (writable ? Libc.ProtWrite : 0), flags, fd, 0);
        if (address == -1)
            return null;
        var memory = new MappedMemory { _length = length };
        memory.SetHandle(address);
        return memory;
    }

    protected override bool ReleaseHandle() => Libc.Munmap(handle, _length) == 0;
}
