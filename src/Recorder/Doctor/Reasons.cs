using System.Globalization;
using Faultrec.Recorder.Kernel;

namespace Faultrec.Recorder.Doctor;

/// <param name="Mechanism">fentry, kprobe, or "fentry and kprobe".</param>
/// <param name="Cause">One word for programs: not_in_kernel, renamed, notrace…</param>
/// <param name="Text">The reason and its evidence, for people.</param>
public sealed record Reason(string Mechanism, string Cause, string Text);

/// <summary>Derives from the facts why a function cannot be traced: for each mechanism the most specific reason.</summary>
internal static class Reasons
{
    private const int Einval = 22;
    private const int Ebusy = 16;
    private const int EaddrNotAvailable = 99;

    public static IReadOnlyList<Reason> Of(FunctionFacts facts, MachineFacts machine)
    {
        if (facts.By is [] && facts.IsMissing)
            return [Missing(facts)];
        var reasons = new List<Reason>();
        if (facts.Fentry is not { Works: true } && Fentry(facts, machine) is { } fentry)
            reasons.Add(fentry);
        if (facts.Kprobe is not { Works: true } && Kprobe(facts, machine) is { } kprobe)
            reasons.Add(kprobe);
        if (machine.MissingPrivilege is { } missing)
            reasons.Add(new(Mechanism.Both, "missing_capability", $"not tried: {missing}{NothingAgainst(facts, machine)}"));
        return reasons;
    }

    private static Reason Missing(FunctionFacts facts)
    {
        if (facts.Symbol!.IsData)
            return new(Mechanism.Both, "not_a_function", $"not a function: in {KernelSymbols.Path} that name is data");
        if (facts.Symbol.Variants is [_, ..] variants)
        {
            return new(Mechanism.Both, "renamed",
                $"inlined or renamed by the compiler: {KernelSymbols.Path} has {Explain(variants)}, and nothing without a suffix");
        }

        const string none = $"not in this kernel: no symbol of that name in {KernelSymbols.Path}";
        if (FaultPath.Find(facts.Name) is { } known)
        {
            return new(Mechanism.Both, "not_in_kernel",
                $"{none}; inlined into its callers, or of another version ({known.History ?? "a static function of mm/"})");
        }

        return new(Mechanism.Both, "not_in_kernel",
            $"{none}; {(facts.InBtf == true ? "BTF has it, so it was inlined into its callers" : "BTF has none either")}");
    }

    private static Reason? Fentry(FunctionFacts facts, MachineFacts machine)
    {
        Reason Because(string cause, string text) => new(Mechanism.Fentry, cause, facts.Fentry is { } trial ? $"{text} ({trial.Reason})" : text);

        if (!machine.HasKernelBtf)
            return Because("no_btf", "no BTF: /sys/kernel/btf/vmlinux does not exist or is not readable (CONFIG_DEBUG_INFO_BTF)");
        if (facts.InBtf == false)
            return Because("no_btf", "no BTF for it: no FUNC of that name, as is usual for assembler functions and for names that several functions share");
        if (facts.InFilterFunctions == false)
            return Because("notrace", "notrace: not in available_filter_functions of tracefs, so its entry has no hook");
        if (facts.Fentry is not { } refused)
            return null;
        if (refused.Errno == Native.Errno.Eperm && machine.IsConfidential)
            return Because("lockdown", $"lockdown: {machine.Lockdown}");
        if (machine.FentryRefusedFor is [_, ..] all)
            return Because("kernel_refuses", $"the kernel refuses fentry, for {string.Join(" and ", all.Where(name => name != facts.Name).Take(2))} as well");
        // Without an ftrace hook the kernel patches the entry itself, and finds no nop there.
        if (refused.Errno == Ebusy)
            return Because("notrace", "probably notrace (EBUSY): its entry has no hook");
        return Because("kernel_refuses", "the kernel refuses fentry for it");
    }

    private static Reason? Kprobe(FunctionFacts facts, MachineFacts machine)
    {
        Reason Because(string cause, string text) => new(Mechanism.Kprobe, cause, facts.Kprobe is { } trial ? $"{text} ({trial.Reason})" : text);

        if (!machine.HasKprobePmu)
        {
            return new(
                Mechanism.Kprobe, "not_compiled_in",
                $"no kprobes in this kernel: {TrialAttach.KprobePmu} does not exist; {machine.KprobesConfig ?? "no kernel configuration was found"}");
        }

        if (facts.OnBlacklist == true)
            return Because("kprobe_blacklist", "on the kprobe blacklist of debugfs");
        if (facts.Kprobe is not { } refused)
            return machine.IsConfidential ? Because("lockdown", $"lockdown: {machine.Lockdown}") : null;
        return refused.Errno switch
        {
            Native.Errno.Eperm when machine.IsConfidential => Because("lockdown", $"lockdown: {machine.Lockdown}"),
            EaddrNotAvailable => Because("ambiguous", string.Create(CultureInfo.InvariantCulture, $"{facts.Symbol?.Count ?? 2} functions have that name")),
            Einval when facts.OnBlacklist is null => Because("kprobe_blacklist", "probably on the kprobe blacklist (EINVAL)"),
            _ => Because("kernel_refuses", "the kernel refuses a kprobe on it"),
        };
    }

    private static string NothingAgainst(FunctionFacts facts, MachineFacts machine)
        => facts.Perhaps(machine) is [_, ..] by ? $"; nothing was found that rules out {string.Join(" and ", by)}" : "";

    private static string Explain(IReadOnlyList<string> variants)
    {
        const int shown = 4;
        var texts = variants.Take(shown).Select(variant => $"{variant} ({Meaning(variant)})").ToList();
        if (variants.Count > shown)
            texts.Add($"{variants.Count - shown} more");
        return string.Join(", ", texts);
    }

    // The last suffix says what this piece is: x.isra.0.cold is the cold part of a copy.
    private static string Meaning(string variant)
    {
        var suffix = variant.Split('.').Last(part => !part.All(char.IsAsciiDigit));
        return suffix switch
        {
            "isra" => "a copy with other arguments",
            "constprop" => "a copy with constant arguments",
            "part" => "a part of it; the rest is inlined",
            "cold" => "the unlikely part of it",
            _ => "the compiler's name",
        };
    }
}
