using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Faultrec.Live.Tests;

/// <summary>
/// Starts the tests again in a mount namespace in which /var/cache is empty: their recordings neither find names in the machine's cache nor
/// leave any there.
/// </summary>
internal static class PrivateCache
{
    private const string Mark = "FAULTREC_PRIVATE_CACHE";

    [ModuleInitializer]
    internal static void Enter()
    {
        if (!Environment.IsPrivilegedProcess || Environment.GetEnvironmentVariable(Mark) is not null)
            return;
        var arguments = File.ReadAllText("/proc/self/cmdline").TrimEnd('\0').Split('\0');
        var start = new ProcessStartInfo(
            "unshare", ["--mount", "--propagation", "private", "sh", "-c", "mount -t tmpfs none /var/cache && exec \"$@\"", "sh", .. arguments]);
        start.Environment[Mark] = "1";
        using var again = Process.Start(start)!;
        again.WaitForExit();
        Environment.Exit(again.ExitCode);
    }
}
