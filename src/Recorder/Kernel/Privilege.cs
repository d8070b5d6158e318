using System.Globalization;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Kernel;

internal static class Privilege
{
    // Bits of CapEff in /proc/self/status (include/uapi/linux/capability.h).
    private const int SysAdmin = 21;
    private const int Perfmon = 38;
    private const int Bpf = 39;

    /// <summary>The privilege that is missing to attach anything; null: none.</summary>
    public static string? Missing()
        => Missing(Libc.Geteuid(), KernelFile.ReadText("/proc/self/status") ?? "", KernelFile.ReadText("/proc/self/uid_map") ?? "");

    internal static string? Missing(uint user, string status, string uidMap)
    {
        var line = status.Split('\n').FirstOrDefault(line => line.StartsWith("CapEff:", StringComparison.Ordinal));
        _ = ulong.TryParse(line?["CapEff:".Length..].Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var effective);
        if (Has(SysAdmin) || (Has(Perfmon) && Has(Bpf)))
        {
            // Capabilities of a user namespace other than the first do not permit tracing.
            return uidMap.Split(' ', StringSplitOptions.RemoveEmptyEntries) is ["0", "0", "4294967295"] or []
                ? null
                : "its capabilities are those of its own user namespace and do not count; run it outside the container, as root";
        }

        return user == 0
            ? "root, but without CAP_BPF and CAP_PERFMON (a container?)"
            : $"uid {user} has neither CAP_BPF and CAP_PERFMON nor CAP_SYS_ADMIN; run it with sudo";

        bool Has(int bit) => (effective >> bit & 1) != 0;
    }
}
