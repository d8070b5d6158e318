using System.Runtime.InteropServices;
using Faultrec.Traces;

namespace Faultrec.Recorder.Native;

/// <summary>The one place where a native result becomes an exception.</summary>
internal static class Errno
{
    public const int Eperm = 1;
    public const int Enoent = 2;
    public const int Esrch = 3;
    public const int Eintr = 4;
    public const int Eacces = 13;
    public const int Enotdir = 20;
    public const int Einval = 22;
    public const int Emfile = 24;
    public const int Enotty = 25;
    public const int Enospc = 28;
    public const int Edquot = 122;

    /// <summary>No room on the disk, or none within the user's quota.</summary>
    public static bool IsDiskFull(Exception failure) => failure is IOException { HResult: Enospc or Edquot };

    /// <summary>"EPERM (Operation not permitted)" for a positive errno value.</summary>
    public static string Describe(int errno) => $"{Name(errno)} ({Marshal.GetPInvokeErrorMessage(errno)})";

    /// <summary>Throws for a libc call that returned -1; <paramref name="what"/> says what was tried.</summary>
    public static void ThrowIfFailed(long result, string what)
    {
        if (result < 0)
            throw Failure(Marshal.GetLastPInvokeError(), what);
    }

    /// <summary>libbpf returns -errno.</summary>
    public static void ThrowIfLibbpfFailed(int result, string what)
    {
        if (result < 0)
            throw Failure(-result, what);
    }

    public static FaultrecException Failure(int errno, string what)
    {
        var hint = errno switch
        {
            Eperm or Eacces => "; run it with sudo, or see `faultrec doctor`",
            Emfile => "; this process may have no more files open (`ulimit -Hn`): raise that limit",
            _ => "; see `faultrec doctor`",
        };
        return new FaultrecException(ExitCode.NotPermitted, $"{what}: {Describe(errno)}{hint}");
    }

    private static string Name(int errno) => errno switch
    {
        Eperm => "EPERM",
        Enoent => "ENOENT",
        Esrch => "ESRCH",
        Eintr => "EINTR",
        7 => "E2BIG",
        8 => "ENOEXEC",
        9 => "EBADF",
        11 => "EAGAIN",
        12 => "ENOMEM",
        Eacces => "EACCES",
        16 => "EBUSY",
        17 => "EEXIST",
        19 => "ENODEV",
        Enotdir => "ENOTDIR",
        Einval => "EINVAL",
        Emfile => "EMFILE",
        Enospc => "ENOSPC",
        38 => "ENOSYS",
        95 => "EOPNOTSUPP",
        _ => $"errno {errno}",
    };
}
