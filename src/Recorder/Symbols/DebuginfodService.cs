using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Faultrec.Recorder.Native;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// The other side of <see cref="Debuginfod"/>: this executable, started again with the rights of the user who called it, asks
/// the servers through elfutils' client library, which stores what it gets in that user's cache.
/// </summary>
public static class DebuginfodService
{
    /// <summary>First argument that makes the executable a service; not a verb for people.</summary>
    public const string Verb = "__debuginfod";

    private const int Enosys = 38;

    private static int _socket;
    private static long _told;

    /// <param name="args">Verb, fd of the socket; see also <see cref="LowRights.GiveUp"/>.</param>
    // SAFETY: the functions have these types in debuginfod.h; the build id is pinned for the call, and OnProgress, which fails by its
    // result and not by an exception, is never freed.
    public static unsafe int Run(string[] args)
    {
        LowRights.GiveUp(args);
        _socket = int.Parse(args[1], CultureInfo.InvariantCulture);
        if (!NativeLibrary.TryLoad("libdebuginfod.so.1", out var library))
        {
            _ = ElfWire.Read(_socket, -1, out _);
            Refuse("libdebuginfod.so.1 (Debian: libdebuginfod1) is not installed");
            return 0;
        }

        var begin = (delegate* unmanaged[Cdecl]<nint>)NativeLibrary.GetExport(library, "debuginfod_begin");
        var onProgress = (delegate* unmanaged[Cdecl]<nint, delegate* unmanaged[Cdecl]<nint, CLong, CLong, int>, void>)NativeLibrary.GetExport(library,
            "debuginfod_set_progressfn");
        var find = (delegate* unmanaged[Cdecl]<nint, byte*, int, byte**, int>)NativeLibrary.GetExport(library, "debuginfod_find_debuginfo");
        var client = begin();
        onProgress(client, &OnProgress);
        while (ElfWire.Read(_socket, -1, out _) is { } buildId)
        {
            _told = 0;
            byte[] text = [.. buildId, 0];
            int fd;
            fixed (byte* pointer = text)
                fd = find(client, pointer, 0, null);
            if (fd >= 0)
            {
                using var file = new SafeFileHandle(fd, ownsHandle: true);
                _ = ElfWire.Write(_socket, [(byte)ElfReply.Answer], file);
            }
            else if (-fd is Errno.Enoent)
            {
                _ = ElfWire.Write(_socket, [(byte)ElfReply.Answer]);
            }
            else
            {
                Refuse(-fd == Enosys ? $"{Debuginfod.Urls} names no server" : $"the request failed with {Errno.Describe(-fd)}");
            }
        }

        return 0;
    }

    private static void Refuse(string why) => _ = ElfWire.Write(_socket, [(byte)ElfReply.Refusal, .. Encoding.UTF8.GetBytes(why)]);

    // Called about every second while it waits, and as bytes come.
    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnProgress(nint client, CLong done, CLong total)
    {
        // If the total is not known, the client counts how often it has polled.
        if (total.Value > 0 && done.Value > _told)
            _ = ElfWire.Write(_socket, [(byte)ElfReply.Progress]);
        _told = done.Value;
        return 0;
    }
}
