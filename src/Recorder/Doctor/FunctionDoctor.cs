using System.Text;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Doctor;

/// <param name="By">fentry (which stands for fexit, too) and kprobe, as far as they attached.</param>
/// <param name="Module">Null in the kernel itself.</param>
/// <param name="Symbols">Functions of that name; 0 also where /proc/kallsyms cannot be read.</param>
/// <param name="Prototype">Null when BTF does not have it.</param>
/// <param name="Reasons">Why the other mechanisms do not work.</param>
/// <param name="Substitute">Null when it is not needed, or none is known.</param>
/// <param name="Similar">The nearest names of this kernel, for a name that it does not have.</param>
/// <param name="Suggestions">Those with a similar name that can be traced.</param>
public sealed record FunctionDiagnosis(
    string Name, IReadOnlyList<string> By, string? Module, int Symbols, Prototype? Prototype, IReadOnlyList<Reason> Reasons, IReadOnlyList<string> Variants,
    Substitute? Substitute, IReadOnlyList<string> Similar, IReadOnlyList<string> Suggestions)
{
    public bool IsTraceable => By.Count > 0;
}

/// <param name="NotLookedAt">Sources that would have shown more, and why they could not be read.</param>
public sealed record FunctionsDiagnosis(IReadOnlyList<FunctionDiagnosis> Functions, IReadOnlyList<string> NotLookedAt);

/// <summary>Can this kernel's functions be traced, and if not, why, and what instead?</summary>
public sealed class FunctionDoctor : ITraceable, IDisposable
{
    private const int SimilarNames = 5;

    private readonly List<string> _notLookedAt = [];
    private readonly KernelSymbols? _symbols;
    private readonly NameList? _filterFunctions;
    private readonly NameList? _blacklist;
    private readonly Btf? _btf;
    private readonly Dictionary<string, Btf?> _modules = [];
    private readonly Dictionary<string, FunctionFacts> _facts = [];
    private readonly string? _missingPrivilege = Privilege.Missing();
    private MachineFacts? _machine;

    private FunctionDoctor()
    {
        _symbols = KernelSymbols.Read();
        if (_symbols is null)
            _notLookedAt.Add($"{KernelSymbols.Path}: not readable; only an attempt to attach shows whether a function exists");
        _filterFunctions = List("tracefs", "available_filter_functions", NameList.OfFilterFunctions);
        _blacklist = List("debugfs", "kprobes/blacklist", NameList.OfBlacklist);
        _btf = Btf.OpenKernel();
    }

    /// <exception cref="Traces.FaultrecException">Usage: the name cannot be that of a function.</exception>
    public static FunctionsDiagnosis Examine(IReadOnlyList<string> names)
    {
        Machine.RequireFileSystems();
        foreach (var name in names)
            FunctionName.Check(name);
        using var doctor = new FunctionDoctor();
        return new FunctionsDiagnosis([.. names.Distinct().Select(doctor.Diagnose)], doctor._notLookedAt);
    }

    bool ITraceable.Tries => _missingPrivilege is null;

    bool ITraceable.FaultCounters => _missingPrivilege is null
        ? TrialAttach.SoftwareEvent(PerfEvent.SwPageFaultsMin).Works && TrialAttach.SoftwareEvent(PerfEvent.SwPageFaultsMaj).Works
        : Directory.Exists("/sys/bus/event_source/devices/software");

    IReadOnlyList<string> ITraceable.Function(string name)
        => _missingPrivilege is null ? Facts(name).By : Facts(name).Perhaps(OfMachine());

    bool ITraceable.Tracepoint(string name) => _missingPrivilege is null
        ? TrialAttach.Tracepoint(name).Works
        : _btf is not null && _btf.HasTracepoint(name);

    public void Dispose()
    {
        foreach (var module in _modules.Values)
            module?.Dispose();
        _btf?.Dispose();
    }

    private FunctionDiagnosis Diagnose(string name)
    {
        var facts = Facts(name);
        if (facts.By is [] && _symbols is not null)
            facts = facts with { Similar = _symbols.Similar(name, SimilarNames) };
        // Evaluated only when needed: each trial takes a while.
        var machine = OfMachine() with { FentryRefusedFor = facts.Fentry is { Works: false } ? RefusedForAll() : [] };
        var substitute = facts.By is [] ? Substitutes.Choose(facts, this) : null;
        var suggestions = facts.By is [] && substitute is null ? Substitutes.Suggestions(facts, this) : [];
        return new FunctionDiagnosis(
            name, facts.By, facts.Symbol?.Module, facts.Symbol?.Count ?? 0, BtfOf(facts.Symbol?.Module) is { } btf ? Prototype.Of(btf, name) : null,
            Reasons.Of(facts, machine), facts.Symbol?.Variants ?? [], substitute, facts.IsMissing ? facts.Similar : [], suggestions);
    }

    private FunctionFacts Facts(string name)
    {
        if (_facts.TryGetValue(name, out var known))
            return known;
        var symbol = _symbols?.Find(name);
        // A name that does not exist needs no trial, unless its absence could not be verified.
        var tries = _missingPrivilege is null && symbol is not { Count: 0 };
        return _facts[name] = new FunctionFacts(name)
        {
            Symbol = symbol,
            InBtf = BtfOf(symbol?.Module) is { } btf ? btf.FindFunction(name) is not null : null,
            InFilterFunctions = _filterFunctions?.Contains(name),
            OnBlacklist = _blacklist?.Contains(name),
            Fentry = tries ? TrialAttach.Fentry(name) : null,
            Kprobe = tries ? TrialAttach.Kprobe(name) : null,
        };
    }

    private MachineFacts OfMachine()
    {
        if (_machine is not null)
            return _machine;
        var (lockdown, whyNot) = KernelFile.Read(Machine.LockdownFile);
        if (lockdown is null)
            _notLookedAt.Add($"{Machine.LockdownFile}: {whyNot}");
        var hasKprobes = Directory.Exists(TrialAttach.KprobePmu);
        return _machine = new MachineFacts
        {
            MissingPrivilege = _missingPrivilege,
            HasKprobePmu = hasKprobes,
            KprobesConfig = hasKprobes ? null : KernelConfig.Read()?.Evidence("CONFIG_KPROBES"),
            HasKernelBtf = _btf is not null,
            Lockdown = lockdown is null ? null : Encoding.ASCII.GetString(lockdown).Trim(),
        };
    }

    // Functions that can always be traced if anything can: they show whether a refusal concerns the function or fentry. There are three, so
    // that others can be named when one of them was asked for.
    private string[] RefusedForAll()
    {
        string[] ordinary = [FaultPath.Centre, "vfs_read", "vfs_write"];
        return ordinary.All(name => Facts(name).Fentry is { Works: false }) ? ordinary : [];
    }

    private Btf? BtfOf(string? module)
    {
        if (module is null || _btf is null)
            return _btf;
        if (!_modules.TryGetValue(module, out var btf))
            _modules[module] = btf = Btf.OpenModule(module, _btf);
        return btf;
    }

    private NameList? List(string fileSystem, string file, Func<byte[], NameList> parse)
    {
        if (KernelFile.MountPoint(fileSystem) is not { } folder)
        {
            _notLookedAt.Add($"{file} of {fileSystem}: {fileSystem} is not mounted");
            return null;
        }

        var path = Path.Combine(folder, file);
        var (bytes, why) = KernelFile.Read(path);
        if (bytes is null)
            _notLookedAt.Add($"{path}: {why}");
        return bytes is null ? null : parse(bytes);
    }
}
