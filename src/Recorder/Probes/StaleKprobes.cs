using System.Globalization;
using Faultrec.Recorder.Kernel;

namespace Faultrec.Recorder.Probes;

/// <summary>
/// If the kernel has no kprobe event source, libbpf creates probes through tracefs, where they stay, disabled, after a recorder was
/// killed. Their names contain its pid ("libbpf_PID_FUNCTION_0x0_N", libbpf.c: gen_kprobe_legacy_event_name).
/// </summary>
internal static class StaleKprobes
{
    private const string Prefix = "libbpf_";

    /// <summary>Removes the probes of recorders that are gone. The kernel keeps one that is still in use (by another pid namespace).</summary>
    public static void Remove()
    {
        if (KernelFile.MountPoint("tracefs") is not { } folder)
            return;
        var path = Path.Combine(folder, "kprobe_events");
        foreach (var name in Find(KernelFile.ReadText(path) ?? "", pid => Directory.Exists($"/proc/{pid}")))
        {
            try
            {
                // Never truncated: that would remove the probes of all users.
                using var events = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
                events.Write(System.Text.Encoding.ASCII.GetBytes($"-:{name}\n"));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // EBUSY, or no right to remove it: recording does not depend on it.
            }
        }
    }

    /// <param name="events">The content of kprobe_events: "p:GROUP/NAME FUNCTION+OFFSET", and r or r10 for the probes of returns.</param>
    /// <returns>GROUP/NAME of the probes on functions that faultrec probes, whose process is gone.</returns>
    internal static IEnumerable<string> Find(string events, Func<int, bool> isAlive)
        => from line in events.Split('\n')
           let words = line.Split(' ', 2)
           where words.Length == 2 && words[0].Contains(':')
           let name = words[0][(words[0].IndexOf(':') + 1)..]
           where IsOurs(words[1].Split('+')[0].Trim()) && PidOf(name) is { } pid && !isAlive(pid)
           select name;

    private static bool IsOurs(string function)
        => function == KernelFaults.Function || FaultHandlers.Functions.Contains(function) || CallProbes.AllFunctions.Contains(function);

    private static int? PidOf(string name)
    {
        var own = name[(name.IndexOf('/') + 1)..];
        return own.StartsWith(Prefix, StringComparison.Ordinal)
            && int.TryParse(own[Prefix.Length..].Split('_')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
            ? pid
            : null;
    }
}
