using Faultrec.Recorder.Kernel;

namespace Faultrec.Recorder.Doctor;

/// <summary>Facts that apply to every function on this machine.</summary>
internal sealed record MachineFacts
{
    /// <summary>Null when nothing is missing.</summary>
    public string? MissingPrivilege { get; init; }

    /// <summary>False: no kprobes, or a kernel before 4.17.</summary>
    public bool HasKprobePmu { get; init; } = true;

    /// <summary>What the kernel's configuration says of CONFIG_KPROBES; null when there is none to read.</summary>
    public string? KprobesConfig { get; init; }

    public bool HasKernelBtf { get; init; } = true;

    /// <summary>The content of /sys/kernel/security/lockdown: "none [integrity] confidentiality".</summary>
    public string? Lockdown { get; init; }

    public bool IsConfidential => Lockdown?.Contains("[confidentiality]", StringComparison.Ordinal) ?? false;

    /// <summary>Ordinary functions, if the kernel refuses fentry for all of them: then the reason is not the function.</summary>
    public IReadOnlyList<string> FentryRefusedFor { get; init; } = [];
}

/// <summary>What was found out about one function. Null is always: it could not be looked up, or not be tried.</summary>
internal sealed record FunctionFacts(string Name)
{
    public SymbolFacts? Symbol { get; init; }

    public bool? InBtf { get; init; }

    public bool? InFilterFunctions { get; init; }

    public bool? OnBlacklist { get; init; }

    public Trial? Fentry { get; init; }

    public Trial? Kprobe { get; init; }

    public IReadOnlyList<string> Similar { get; init; } = [];

    public bool IsMissing => Symbol is { Count: 0 };

    /// <summary>The mechanisms that work.</summary>
    public IReadOnlyList<string> By => [.. ByFentry(Fentry is { Works: true }), .. ByKprobe(Kprobe is { Works: true })];

    /// <summary>The mechanisms that nothing is known against, for those who may not try.</summary>
    public IReadOnlyList<string> Perhaps(MachineFacts machine) => Symbol is not { Count: > 0 }
        ? []
        :
        [
            .. ByFentry(InBtf == true && InFilterFunctions != false),
            .. ByKprobe(machine.HasKprobePmu && OnBlacklist != true && !machine.IsConfidential),
        ];

    private static string[] ByFentry(bool works) => works ? [Mechanism.Fentry] : [];

    private static string[] ByKprobe(bool works) => works ? [Mechanism.Kprobe] : [];
}

internal static class Mechanism
{
    public const string Fentry = "fentry";
    public const string Kprobe = "kprobe";
    public const string Both = "fentry and kprobe";
    public const string Tracepoint = "tracepoint";
    public const string SoftwareEvent = "software event";
}
