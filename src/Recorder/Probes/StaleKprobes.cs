using System.Globalization;
using Faultrec.Recorder.Kernel;

namespace Faultrec.Recorder.Probes;

/// <summary>
/// Where the kernel has no kprobe event source, libbpf makes probes by tracefs, which keeps them after a recorder that was killed:
/// disabled, but there. Their names carry its pid ("libbpf_PID_FUNCTION_0x0_N", libbpf.c: gen_kprobe_legacy_event_name).
/// </summary>
internal static class StaleKprobes
{
    private const string Prefix = "libbpf_";

    /// <summary>Removes those of recorders that are gone. One that is in use after all (of another pid namespace) the kernel keeps.</summary>
    public static void Remove()
    {
        if (KernelFile.MountPoint("tracefs") is not { } folder)
            return;
        var path = Path.Combine(folder, "kprobe_events");
        foreach (var name in Find(KernelFile.ReadText(path) ?? "", pid => Directory.Exists($"/proc/{pid}")))
        {
            try
            {
                // Never truncated: that would remove everybody's.
                using var events = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
                events.Write(System.Text.Encoding.ASCII.GetBytes($"-:{name}\n"));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // EBUSY, or not ours to remove: recording does not depend on it.
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

    private static bool IsOurs(string function) => function == KernelFaults.Function || FaultHandlers.Functions.Contains(function);

    private static int? PidOf(string name)
    {
        var own = name[(name.IndexOf('/') + 1)..];
        return own.StartsWith(Prefix, StringComparison.Ordinal)
            && int.TryParse(own[Prefix.Length..].Split('_')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
            ? pid
            : null;
    }
}
