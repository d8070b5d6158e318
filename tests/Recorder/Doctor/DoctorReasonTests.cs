using Faultrec.Recorder.Doctor;
using Faultrec.Recorder.Kernel;
using Xunit;

namespace Faultrec.Recorder.Tests.Doctor;

/// <summary>From what was found out about a function to why it cannot be traced.</summary>
public sealed class DoctorReasonTests
{
    private const int Eperm = 1;
    private const int Ebusy = 16;
    private const int Einval = 22;

    private static readonly MachineFacts Ordinary = new() { Lockdown = "[none] integrity confidentiality" };
    private static readonly SymbolFacts Present = new(1, null, false, []);
    private static readonly Trial AttachBusy = new("attaching the program", Ebusy);
    private static readonly Trial LoadRefused = new("loading the program", Eperm);
    private static readonly Trial KprobeInvalid = new("opening a kprobe event", Einval);

    private static readonly FunctionFacts Traceable = new("f")
    {
        Symbol = Present,
        InBtf = true,
        InFilterFunctions = true,
        OnBlacklist = false,
        Fentry = Trial.Success,
        Kprobe = Trial.Success,
    };

    [Fact]
    public void NothingToSayAboutWhatWorks()
    {
        Assert.Equal(["fentry", "kprobe"], Traceable.By);
        Assert.Empty(Reasons.Of(Traceable, Ordinary));
    }

    // exc_page_fault on a stock kernel, with and without tracefs and debugfs to look at.
    [Theory]
    [InlineData(false, true, "not in available_filter_functions", "blacklist of debugfs")]
    [InlineData(null, null, "probably notrace (EBUSY)", "probably on the kprobe blacklist (EINVAL)")]
    public void NotraceAndBlacklisted(bool? inFilterFunctions, bool? onBlacklist, string fentry, string kprobe)
    {
        var facts = Traceable with { InFilterFunctions = inFilterFunctions, OnBlacklist = onBlacklist, Fentry = AttachBusy, Kprobe = KprobeInvalid };
        var refusals = Reasons.Of(facts, Ordinary);
        Assert.Equal([("fentry", "notrace"), ("kprobe", "kprobe_blacklist")], Causes(refusals));
        Assert.Contains(fentry, refusals[0].Text, StringComparison.Ordinal);
        Assert.Contains("EBUSY", refusals[0].Text, StringComparison.Ordinal);
        Assert.Contains(kprobe, refusals[1].Text, StringComparison.Ordinal);
        Assert.Contains("EINVAL", refusals[1].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void EinvalOfAFunctionThatIsNotOnTheListIsOnlyARefusal()
        => Assert.Equal([("kprobe", "kernel_refuses")], Causes(Reasons.Of(Traceable with { Kprobe = KprobeInvalid }, Ordinary)));

    [Fact]
    public void OneMechanismIsEnough()
    {
        var facts = Traceable with { InBtf = false, Fentry = new Trial("finding it in BTF", 3) };
        Assert.Equal(["kprobe"], facts.By);
        Assert.Equal([("fentry", "no_btf")], Causes(Reasons.Of(facts, Ordinary)));
    }

    [Fact]
    public void AKernelThatRefusesEveryFentryIsNotBlamedOnTheFunction()
    {
        var machine = Ordinary with { FentryRefusedFor = ["f", "vfs_read"], HasKprobePmu = false, KprobesConfig = "CONFIG_KPROBES is not set in x" };
        var refusals = Reasons.Of(Traceable with { Fentry = LoadRefused, Kprobe = new Trial("finding the kprobe events", 2) }, machine);
        Assert.Equal([("fentry", "kernel_refuses"), ("kprobe", "not_compiled_in")], Causes(refusals));
        Assert.Contains("for vfs_read as well", refusals[0].Text, StringComparison.Ordinal);
        Assert.Contains("CONFIG_KPROBES is not set in x", refusals[1].Text, StringComparison.Ordinal);
    }

    [Fact]
    public void LockdownIsNamedWhereItRefuses()
    {
        var machine = Ordinary with { Lockdown = "none integrity [confidentiality]" };
        var facts = Traceable with { Kprobe = new Trial("opening a kprobe event", Eperm) };
        Assert.Equal([("kprobe", "lockdown")], Causes(Reasons.Of(facts, machine)));
        Assert.Equal([("kprobe", "kernel_refuses")], Causes(Reasons.Of(facts, Ordinary)));
    }

    [Fact]
    public void ANameThatSeveralFunctionsShare()
    {
        var facts = Traceable with { Symbol = Present with { Count = 3 }, Kprobe = new Trial("opening a kprobe event", 99) };
        var refusal = Assert.Single(Reasons.Of(facts, Ordinary));
        Assert.Equal("ambiguous", refusal.Cause);
        Assert.StartsWith("3 functions", refusal.Text);
    }

    [Theory]
    [InlineData("do_fault.isra.0", "a copy with other arguments")]
    [InlineData("do_fault.constprop.12", "a copy with constant arguments")]
    [InlineData("do_fault.part.0", "a part of it")]
    [InlineData("do_fault.isra.0.cold", "the unlikely part")]
    [InlineData("do_fault.llvm.123", "the compiler's name")]
    public void ARenamedFunctionIsShownWithItsNames(string variant, string meaning)
    {
        var refusal = Assert.Single(Reasons.Of(Missing("do_fault", variant), Ordinary));
        Assert.Equal(("fentry and kprobe", "renamed"), (refusal.Mechanism, refusal.Cause));
        Assert.Contains($"{variant} ({meaning}", refusal.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("handle_pte_fault", false, "inlined into its callers, or of another version")]
    [InlineData("some_function", true, "BTF has it")]
    [InlineData("some_function", false, "BTF has none either")]
    public void AMissingFunctionOnceAndForAll(string name, bool inBtf, string said)
    {
        var refusal = Assert.Single(Reasons.Of(Missing(name) with { InBtf = inBtf }, Ordinary));
        Assert.Equal(("fentry and kprobe", "not_in_kernel"), (refusal.Mechanism, refusal.Cause));
        Assert.Contains(said, refusal.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void DataIsNamedAsSuch()
        => Assert.Equal("not_a_function", Assert.Single(Reasons.Of(new("jiffies") { Symbol = new(0, null, true, []) }, Ordinary)).Cause);

    // Without permission: what can be known is said, and that the rest was not tried.
    [Fact]
    public void WithoutPermissionWhatIsKnownIsSaid()
    {
        var machine = Ordinary with { MissingPrivilege = "uid 1000 has no capabilities", HasKprobePmu = false };
        var refusals = Reasons.Of(Traceable with { Fentry = null, Kprobe = null, InFilterFunctions = null, OnBlacklist = null }, machine);
        Assert.Equal([("kprobe", "not_compiled_in"), ("fentry and kprobe", "missing_capability")], Causes(refusals));
        Assert.Contains("rules out fentry", refusals[1].Text, StringComparison.Ordinal);
    }

    internal static FunctionFacts Missing(string name, params string[] variants) => new(name) { Symbol = new(0, null, false, variants), InBtf = false };

    private static IEnumerable<(string, string)> Causes(IEnumerable<Reason> refusals) => refusals.Select(refusal => (refusal.Mechanism, refusal.Cause));
}
