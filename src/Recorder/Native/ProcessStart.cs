using System.Globalization;
using System.Runtime.InteropServices;

namespace Faultrec.Recorder.Native;

/// <summary>What start.c noted before the runtime began.</summary>
internal static partial class ProcessStart
{
    /// <summary>Bit n - 1 stands for signal n.</summary>
    public static ulong IgnoredSignals
    {
        get
        {
            try
            {
                return FaultrecIgnoredSignals();
            }
            catch (DllNotFoundException)
            {
                return IgnoredNow();
            }
        }
    }

    // Under `dotnet faultrec.dll` nothing is linked in; SIGPIPE is what the runtime has ignored meanwhile.
    private static ulong IgnoredNow()
    {
        const string name = "SigIgn:"; // proc_pid_status(5)
        const string path = "/proc/self/status";
        var line = File.Exists(path) ? File.ReadLines(path).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal)) : null;
        return line is null ? 0 : ulong.Parse(line[name.Length..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) & ~(1UL << (Signals.Pipe - 1));
    }

    [LibraryImport("faultrec_start", EntryPoint = "faultrec_ignored_signals")]
    private static partial ulong FaultrecIgnoredSignals();
}
