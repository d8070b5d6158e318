using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Kernel;

/// <summary>
/// How many files this process may have open (getrlimit(2), RLIMIT_NOFILE): an attach of the perf rung needs four a thread and
/// CPU, and the usual soft limit is 1,024. What the recorder raises for itself is not the recorded command's: <see cref="Before"/>.
/// </summary>
internal static class FileLimit
{
    private static ulong? _before;

    /// <summary>The soft limit that we were started with.</summary>
    public static ulong Before => _before ?? Read().Soft;

    public static ulong Hard => Read().Hard;

    /// <summary>The soft limit becomes the hard one, which everybody may do.</summary>
    public static void Raise()
    {
        var limit = Read();
        _before ??= limit.Soft;
        if (limit.Soft < limit.Hard)
            Set(limit with { Soft = limit.Hard });
    }

    /// <summary>For a process that was started by one that had raised it.</summary>
    public static void Restore(ulong soft)
    {
        var limit = Read();
        if (soft < limit.Soft)
            Set(limit with { Soft = soft });
    }

    // SAFETY: the kernel writes one struct rlimit, into the local.
    private static unsafe Libc.Rlimit Read()
    {
        Libc.Rlimit limit;
        Errno.ThrowIfFailed(Libc.Getrlimit(Libc.RlimitNofile, &limit), "getrlimit");
        return limit;
    }

    // Not critical: what does not fit the limit is told when it happens.
    // SAFETY: the kernel reads one struct rlimit, the argument.
    private static unsafe void Set(Libc.Rlimit limit) => _ = Libc.Setrlimit(Libc.RlimitNofile, &limit);
}
