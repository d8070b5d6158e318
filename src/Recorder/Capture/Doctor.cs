using System.Globalization;
using Faultrec.Recorder.Native;
using Faultrec.Traces;

namespace Faultrec.Recorder.Capture;

/// <param name="Refusal">Null when the backend works here.</param>
public sealed record BackendCheck(string Backend, string Sees, string? Refusal);

/// <param name="Meaning">What the value means for recording.</param>
public sealed record Setting(string Name, string Value, string Meaning);

public sealed record Diagnosis(string Verdict, bool CanRecord, IReadOnlyList<BackendCheck> Backends, IReadOnlyList<Setting> Settings);

/// <summary>What this machine lets us trace: each backend is tried for real, attached and detached again.</summary>
public static class Doctor
{
    private const string NotInThisVersion = "not part of this version of faultrec";

    public static Diagnosis Examine()
    {
        var tracepoint = TryTracepoint();
        IReadOnlyList<BackendCheck> backends =
        [
            new("fexit", "address, flags, result, duration, faults by get_user_pages", NotInThisVersion),
            new("kprobe", "the same as fexit", NotInThisVersion),
            new(Backends.Tracepoint, "address, error code, instruction, duration; not get_user_pages", tracepoint),
            new("perf", "address and instruction of your own processes, without root", NotInThisVersion),
        ];
        return new Diagnosis(Verdict(tracepoint), tracepoint is null, backends, Settings());
    }

    private static string Verdict(string? refusal)
    {
        if (refusal is null)
            return "faultrec record works here, with the tracepoint backend: every page fault with address, access, duration and whether it was major.";
        return Libc.Geteuid() == 0
            ? $"faultrec record does not work here, although you are root: {refusal}."
            : "faultrec record needs root here: run `sudo faultrec record …` (reports need no root); `sudo faultrec doctor` tells whether it then works.";
    }

    /// <summary>Null when everything attached.</summary>
    private static string? TryTracepoint()
    {
        try
        {
            using var target = Target.Start(new RecordOptions { Output = "", ToolVersion = "", All = true }, null);
            using var probes = ProbeCapture.Open(Backends.Tracepoint, new RecordOptions { Output = "", ToolVersion = "", All = true }, target);
            return null;
        }
        catch (FaultrecException e)
        {
            return e.Message.Split(';')[0];
        }
    }

    private static List<Setting> Settings()
    {
        var settings = new List<Setting>
        {
            new("kernel", Machine.KernelRelease, $"{Machine.Arch}; the tracepoint backend is for x86_64"),
            new("user", Libc.Geteuid() == 0 ? "root" : $"uid {Libc.Geteuid()}", "the probes need root, or CAP_BPF and CAP_PERFMON"),
            new("BTF", File.Exists("/sys/kernel/btf/vmlinux") ? "yes" : "no", "/sys/kernel/btf/vmlinux: where the probes learn this kernel's structures"),
        };
        Add(settings, "lockdown", "/sys/kernel/security/lockdown", "[confidentiality] forbids probes to read kernel memory");
        Add(settings, "perf_event_paranoid", "/proc/sys/kernel/perf_event_paranoid", "3 and more keeps perf events from everybody but root");
        Add(settings, "unprivileged_bpf_disabled", "/proc/sys/kernel/unprivileged_bpf_disabled", "0 would allow some BPF without root; not what the probes need");
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
