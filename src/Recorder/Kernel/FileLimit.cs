using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Kernel;

/// <summary>
/// How many files this process may have open (getrlimit(2), RLIMIT_NOFILE): attaching the perf backend needs four per thread and
/// CPU, and the usual soft limit is 1,024. The recorder raises its own limit, not that of the recorded command: <see cref="Before"/>.
/// </summary>
internal static class FileLimit
{
    private static ulong? _before;

    /// <summary>The soft limit with which this process was started.</summary>
    public static ulong Before => _before ?? Read().Soft;

    public static ulong Hard => Read().Hard;

    /// <summary>Raises the soft limit to the hard one, which needs no privilege.</summary>
    public static void Raise()
    {
        var limit = Read();
        _before ??= limit.Soft;
        if (limit.Soft < limit.Hard)
            Set(limit with { Soft = limit.Hard });
    }

    /// <summary>For a process that was started by one that had raised its limit.</summary>
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

    // Not critical: running into the limit is reported when it happens.
    // SAFETY: the kernel reads one struct rlimit, the argument.
    private static unsafe void Set(Libc.Rlimit limit) => _ = Libc.Setrlimit(Libc.RlimitNofile, &limit);
}
