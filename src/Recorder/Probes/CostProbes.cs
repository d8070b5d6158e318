using Faultrec.Recorder.Native;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Spool;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Probes;

/// <summary>Optional probes of bpf/ that this kernel and backend support.</summary>
/// <param name="Probes">What the probes can record, and why the rest cannot be recorded.</param>
/// <param name="Programs">Names of the programs to load.</param>
internal sealed record ProbeChoice(IReadOnlyList<CauseProbe> Probes, IReadOnlyList<string> Programs);

/// <summary>The probes for `--why`, `--slab` and the count of TLB flushes.</summary>
internal sealed class CostProbes
{
    private readonly ProbeChoice? _causes;
    private readonly ProbeChoice? _slab;
    private readonly bool _countsFlushes;

    private CostProbes(ProbeChoice? causes, ProbeChoice? slab, string? flushReason)
    {
        _causes = causes;
        _slab = slab;
        _countsFlushes = flushReason is null;
        TlbReason = flushReason;
    }

    /// <summary>Empty without --why.</summary>
    public IReadOnlyList<CauseProbe> Causes => _causes?.Probes ?? [];

    /// <summary>Null without --slab.</summary>
    public SlabRecording? Slab => _slab is null ? null : new SlabRecording(_slab.Probes, [], []);

    public string? TlbReason { get; }

    public IEnumerable<string> Programs
        => (_causes is null && _slab is null ? [] : (string[])["costs_end_before_syscall"]).Concat(_causes?.Programs ?? []).Concat(_slab?.Programs ?? [])
            .Concat(_countsFlushes ? TlbFlushCounts.Programs(seesSwitches: _causes is not null) : []);

    public static CostProbes Find(Backend backend, RecordOptions options)
    {
        using var btf = Btf.OpenKernel();
        return new CostProbes(
            options.Why ? FaultCauses.Find(backend, btf) : null,
            options.Slab ? SlabProbes.Find(backend, btf) : null,
            TlbFlushCounts.Reason(btf));
    }

    /// <summary>For a backend without BPF programs.</summary>
    public static CostProbes Refused(RecordOptions options, string reason) => new(
        options.Why ? new ProbeChoice([.. FaultCauses.Names.Select(name => new CauseProbe(name, reason))], []) : null,
        options.Slab ? new ProbeChoice([.. SlabProbes.Stages.Select(stage => new CauseProbe(stage, reason))], []) : null,
        reason);

    public ProbeConfig Describe(Backend backend, ProbeConfig config)
    {
        if (_causes is null && _slab is null)
            return config;
        (config.HasDetails, config.HasCosts) = (1, 1);
        config = SlabProbes.Describe(config, _slab);
        return FaultCauses.Describe(config, backend, _causes);
    }

    /// <summary>What was counted per process rather than per fault.</summary>
    public CostCounts Read(AttachedProbes probes) => new()
    {
        LockWaits = _causes is null ? [] : FaultCauses.ReadLockWaits(probes),
        TlbFlushes = _countsFlushes ? TlbFlushCounts.Read(probes) : [],
        Caches = _slab is null ? [] : SlabProbes.ReadCaches(probes),
        BuddyAllocations = _slab is null ? [] : SlabProbes.ReadBuddy(probes),
    };
}
