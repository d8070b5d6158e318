using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Launch;

/// <summary>
/// Which signals the caller had ignored: `nohup` ignores SIGHUP, a shell SIGINT and SIGQUIT for a background job. The recorded command
/// ignores the same ones and no others, whatever the runtime and the recorder have set meanwhile. The mask of blocked signals
/// needs no care: the first thread, which starts the command, still has the caller's.
/// </summary>
internal static class CallerSignals
{
    private const int Default = 0;
    private const int Ignore = 1;
    private const int SignalCount = 64;

    /// <summary>Bit n - 1 stands for signal n.</summary>
    public static ulong Ignored { get; } = ProcessStart.IgnoredSignals;

    public static bool Ignores(int signal) => (Ignored >> (signal - 1) & 1) != 0;

    /// <summary>Called right before execve, which resets handlers by itself and keeps ignored signals ignored.</summary>
    /// <param name="ignored">Signals ignored by the caller of the process that was asked to run the command.</param>
    public static void Restore(ulong ignored)
    {
        foreach (var signal in (int[])[Signals.Usr2, Signals.Pipe, Signals.Xfsz, Signals.ThreadCancel])
            Libc.SetSignal(signal, Default);
        for (var signal = 1; signal <= SignalCount; signal++)
        {
            if ((ignored >> (signal - 1) & 1) != 0)
                Libc.SetSignal(signal, Ignore);
        }
    }

    /// <summary>For this process; <see cref="Restore"/> sets the command's.</summary>
    public static void SetIgnored(int signal) => Libc.SetSignal(signal, Ignore);

    /// <summary>For us.</summary>
    public static void SetDefault(int signal) => Libc.SetSignal(signal, Default);
}
