using System.Globalization;
using Faultrec.Recorder.Capture;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Options;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Doctor;

/// <param name="Reason">Null when the backend works here.</param>
public sealed record BackendCheck(string Backend, string Sees, string? Reason);

/// <param name="Meaning">What the value means for recording.</param>
public sealed record Setting(string Name, string Value, string Meaning);

public sealed record Diagnosis(string Verdict, bool CanRecord, IReadOnlyList<BackendCheck> Backends, IReadOnlyList<Setting> Settings);

/// <summary>What can be traced on this machine: each backend is actually attached and detached again.</summary>
public static class MachineDoctor
{
    /// <exception cref="FaultrecException">There is no /proc or /sys to look at.</exception>
    public static Diagnosis Examine()
    {
        Machine.RequireFileSystems();
        List<BackendCheck> checks = [.. Backend.Ladder.Select(backend => new BackendCheck(backend.Name, backend.Sees!, Try(backend)))];
        var best = checks.FirstOrDefault(check => check.Reason is null);
        return new Diagnosis(Verdict(best, checks), best is not null, checks, Settings());
    }

    private static string Verdict(BackendCheck? best, IReadOnlyList<BackendCheck> checks)
    {
        var isRoot = Libc.Geteuid() == 0;
        if (isRoot)
        {
            return best is null
                ? $"faultrec record does not work here, although you are root: {checks[^1].Reason}."
                : $"As root, faultrec record works here for every process, with the {best.Backend} backend; it sees {best.Sees}.";
        }

        const string withSudo = "with sudo it records every process and, if the kernel allows probes, durations (`sudo faultrec doctor` shows whether)";
        return best is null
            ? $"As this user, faultrec record does not work here ({checks[^1].Reason}); {withSudo}. Reports need no root."
            : $"As this user, faultrec record works here with the {best.Backend} backend, for your own processes: it sees address and instruction; {withSudo}.";
    }

    /// <summary>Attaches to this very process, and detaches again. Null when everything attached.</summary>
    private static string? Try(Backend backend)
    {
        try
        {
            var options = new RecordOptions { ToolVersion = "", Pid = Environment.ProcessId, IncludeSelf = true, Backend = backend };
            using var target = Target.Start(options, null);
            using var capture = Backends.Open(options, target).Capture;
            return null;
        }
        catch (FaultrecException e)
        {
            return Backends.Reason(e);
        }
    }

    private static List<Setting> Settings()
    {
        var settings = new List<Setting>
        {
            new("kernel", Machine.KernelRelease, $"{Machine.Arch}; the probes are for x86_64"),
            new("user", Libc.Geteuid() == 0 ? "root" : $"uid {Libc.Geteuid()}", "fexit, kprobe and tracepoint need root, or CAP_BPF and CAP_PERFMON"),
            new("BTF", File.Exists("/sys/kernel/btf/vmlinux") ? "yes" : "no", "/sys/kernel/btf/vmlinux: describes this kernel's structures to the probes"),
        };
        Add(settings, "lockdown", Machine.LockdownFile, "[confidentiality] does not let probes read kernel memory");
        Add(settings, "perf_event_paranoid", "/proc/sys/kernel/perf_event_paranoid",
            "2: users other than root do not see kernel mode; 3 and more (Debian): they have no perf events");
        Add(settings, "unprivileged_bpf_disabled", "/proc/sys/kernel/unprivileged_bpf_disabled",
            "0 would allow some BPF without root, but not what the probes need");
        Add(settings, "kptr_restrict", "/proc/sys/kernel/kptr_restrict", "0: kernel addresses are shown");
        Add(settings, "bpf_jit_enable", "/proc/sys/net/core/bpf_jit_enable", "0 makes every probe several times slower");
        settings.Add(new Setting(
            "CPUs", Machine.PossibleCpus.ToString(CultureInfo.InvariantCulture), "one fault ring each"));
        return settings;
    }

    private static void Add(List<Setting> settings, string name, string path, string meaning)
    {
        try
        {
            settings.Add(new Setting(name, File.ReadAllText(path).Trim(), meaning));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            settings.Add(new Setting(name, "not readable", meaning));
        }
    }
}
