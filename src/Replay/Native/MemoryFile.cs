using System.Runtime.InteropServices;
using Faultrec.Traces;
using Microsoft.Win32.SafeHandles;

namespace Faultrec.Replay.Native;

/// <summary>Files without a name, in memory, which programs that are started inherit.</summary>
internal static class MemoryFile
{
    /// <returns>A descriptor, the caller's.</returns>
    public static int Create(string name, long bytes)
    {
        var fd = Libc.MemfdCreate(name, 0);
        if (fd < 0)
        {
            throw new FaultrecException(ExitCode.NotPermitted,
                $"memfd_create: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}; expected Linux 3.17 or newer");
        }

        using var file = new SafeFileHandle(fd, ownsHandle: false);
        try
        {
            RandomAccess.SetLength(file, bytes);
        }
        catch
        {
            Close(fd);
            throw;
        }

        return fd;
    }

    public static void Close(int fd) => new SafeFileHandle(fd, ownsHandle: true).Dispose();
}
