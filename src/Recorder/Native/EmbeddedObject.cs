using System.Reflection;
using System.Runtime.InteropServices;

namespace Faultrec.Recorder.Native;

/// <summary>
/// A BPF object file of this assembly, parsed by libbpf and not yet in the kernel. Disposing frees the verifier's log only, which
/// libbpf writes to until the object is loaded; <see cref="Handle"/> is the caller's.
/// </summary>
// SAFETY: the log belongs to this object. libbpf keeps the pointer for as long as the BPF object lives, and writes to it only while that is
// loaded, which is before Dispose; what it writes ends with a zero within LogSize.
internal sealed unsafe class EmbeddedObject : IDisposable
{
    // Before 6.4 a log that is full at any time is ENOSPC, and the verifier's reason is lost; since then its end is kept.
    private static readonly int LogSize = Environment.OSVersion.Version < new Version(6, 4) ? 16 << 20 : 64 * 1024;

    private readonly byte* _log;

    private EmbeddedObject(nint pointer, byte* log)
    {
        Handle = new ObjectHandle(pointer);
        _log = log;
    }

    public ObjectHandle Handle { get; }

    /// <summary>What the verifier said last; nothing when it said nothing.</summary>
    public string LastLogLine
    {
        get
        {
            var lines = (Marshal.PtrToStringUTF8((nint)_log) ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            // Its very last is a statistic: "processed 17 insns …".
            return lines.LastOrDefault(line => !line.StartsWith("processed ", StringComparison.Ordinal)) ?? "";
        }
    }

    public static EmbeddedObject Open(string name)
    {
        using var resource = Assembly.GetExecutingAssembly().GetManifestResourceStream(name) ?? throw new InvalidOperationException($"{name} is not embedded");
        var bytes = new byte[resource.Length];
        resource.ReadExactly(bytes);
        var log = (byte*)NativeMemory.AllocZeroed((nuint)LogSize);
        var options = new Libbpf.ObjectOpenOptions { Size = (nuint)sizeof(Libbpf.ObjectOpenOptions), KernelLogBuffer = log, KernelLogSize = (uint)LogSize };
        // SAFETY: libbpf copies the image while opening; bytes is pinned for the call.
        fixed (byte* image = bytes)
        {
            var pointer = Libbpf.ObjectOpenMem(image, (nuint)bytes.Length, &options);
            if (pointer != 0)
                return new EmbeddedObject(pointer, log);
        }

        var errno = Marshal.GetLastPInvokeError();
        NativeMemory.Free(log);
        throw Errno.Failure(errno, "opening the embedded BPF object");
    }

    public void Dispose() => NativeMemory.Free(_log);
}
