using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Launch;

/// <summary>
/// Which signals our caller had ignored: `nohup` SIGHUP, a shell SIGINT and SIGQUIT of a job in the background. The command that we
/// start ignores the same and no others, whatever the runtime and the recorder have set meanwhile. The mask of blocked signals
/// needs no care: nobody has changed that of the first thread, which starts the command.
/// </summary>
internal static class CallerSignals
{
    private const int Default = 0;
    private const int Ignore = 1;
    private const int SignalCount = 64;

    /// <summary>Bit n - 1 stands for signal n.</summary>
    public static ulong Ignored { get; } = ProcessStart.IgnoredSignals;

    public static bool Ignores(int signal) => (Ignored >> (signal - 1) & 1) != 0;

    /// <summary>Right before execve, which resets handlers by itself and leaves ignored what is ignored.</summary>
    /// <param name="ignored">By the caller of the process that was asked to run the command.</param>
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

    /// <summary>For us; what comes of the command is <see cref="Restore"/>'s.</summary>
    public static void SetIgnored(int signal) => Libc.SetSignal(signal, Ignore);

    /// <summary>For us.</summary>
    public static void SetDefault(int signal) => Libc.SetSignal(signal, Default);
}
