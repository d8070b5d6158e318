using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Perf;
using Faultrec.Recorder.Probes;
using Faultrec.Recorder.Spool;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Capture;

/// <summary>
/// The backend without BPF and without root: perf's own ring, filled by the software events with which the kernel counts a served fault.
/// It does not see the start of a fault, so it has no duration and no error code; it sees no system calls, so no munmap and no mremap.
/// </summary>
internal sealed class PerfCapture : ICapture
{
    /// <summary>Listing the threads stops after so many rounds, in case the target creates them faster than they can be covered.</summary>
    private const int MaxListings = 32;

    /// <summary>
    /// A thread inherits events at the beginning of its creation and is listed at the end: for this long in total no new thread may appear.
    /// A creation is short, but its thread can lose the CPU in the middle.
    /// </summary>
    private const int QuietListings = 4;
    private const int QuietMs = 5;

    private readonly Target _target;
    private readonly FaultSamples _samples;
    private readonly Sideband _sideband;

    private PerfCapture(Target target, RecordOptions options, PerfLimits limits, FaultSamples samples, Sideband sideband)
    {
        _target = target;
        Stacks = StackProbes.Recording(options, "the perf backend has no programs that could take them");
        Costs = CostProbes.Refused(options, "the perf backend has no programs that could see it");
        Handlers = options.Handlers ? FaultHandlers.Find(Backend) : [];
        ExcludesKernel = limits.ExcludeKernel;
        _samples = samples;
        _sideband = sideband;
    }

    public Backend Backend => Backend.Perf;

    public IReadOnlyList<HandlerProbe> Handlers { get; }

    public PageTableRecording Frames { get; } = new(false, "the perf backend has no probe that could walk page tables", 0, null, null);

    public CostProbes Costs { get; }

    public StackRecording? Stacks { get; }

    public bool ExcludesKernel { get; }

    public bool SeesSignals => false;

    public IEnumerable<int> Fds => _samples.Fds.Concat(_sideband.Fds);

    public long TargetSignalledNs => 0;

    // It takes no names and no cgroups.
    public bool HasMatched => true;

    /// <exception cref="FaultrecException">This user may not use perf events, or not on this target.</exception>
    public static PerfCapture Open(RecordOptions options, Target target)
    {
        RefuseWhatItCannot(options, target);
        var cpus = Machine.OnlineCpus;
        var limits = PerfLimits.Probe(cpus);
        var isCommand = target.Launcher is not null;
        var excludedPid = target.Scope == TargetScope.All && !options.IncludeSelf ? Environment.ProcessId : 0;
        var samples = new FaultSamples(limits, options.Every, isCommand, excludedPid);
        Sideband? sideband = null;
        try
        {
            // The samples first: their error message is the better one.
            var tids = isCommand ? [target.Pid]
                : target.Scope == TargetScope.All ? [FaultSamples.EveryThread]
                : ThreadsOf(target.Pid);
            samples.Add(cpus, tids);
            sideband = Sideband.Open(cpus, tids, isCommand, limits.SidebandRingBytes, limits.ExcludeKernel, isEnabled: !isCommand);
            if (target.Scope == TargetScope.Tree && !isCommand)
                AddNewThreads(target.Pid, cpus, tids, samples, sideband);
            return new PerfCapture(target, options, limits, samples, sideband);
        }
        catch
        {
            sideband?.Dispose();
            samples.Dispose();
            throw;
        }
    }

    public void Start(IRecordSink sink)
    {
        foreach (var snapshot in _target.Snapshots())
            sink.Append(SpoolRecordType.Maps, snapshot, SpoolJson.Default.MapsSnapshot);
        _samples.Begin(Libc.MonotonicNs());
    }

    public void DrainTo(IRecordSink sink, long nowNs)
    {
        _samples.DrainTo(sink, nowNs);
        _sideband.DrainTo(sink);
    }

    public void Stop() => _samples.Stop();

    public CaptureCounts ReadCounts() => new() { Receipt = _samples.ReadCounts() };

    public void Dispose()
    {
        _sideband.Dispose();
        _samples.Dispose();
    }

    private static void RefuseWhatItCannot(RecordOptions options, Target target)
    {
        const int maxPeriod = ushort.MaxValue;
        var reason = target.Scope is not (TargetScope.Tree or TargetScope.All)
            ? "cannot follow a name or a cgroup: give a command, --pid or --all, or use sudo"
            : options.MaxRatePerSecond is not null ? "cannot change its sampling while it records: use --every N instead of --max-rate"
            : options.Every > maxPeriod ? $"takes at most one fault in {maxPeriod}: give a smaller --every"
            : null;
        if (reason is not null)
            throw new FaultrecException(ExitCode.NotPermitted, $"the perf backend {reason}");
    }

    /// <summary>
    /// A thread created by a thread that is not covered yet is in no earlier listing and has inherited no events. One created by
    /// a covered thread has inherited them, and is covered twice from here on: duplicate samples are recognized when they are read.
    /// </summary>
    private static void AddNewThreads(int pid, IReadOnlyList<int> cpus, IReadOnlyList<int> covered, FaultSamples samples, Sideband sideband)
    {
        var known = covered.ToHashSet();
        for (var (listing, quiet) = (0, 0); listing < MaxListings && quiet < QuietListings; listing++)
        {
            if (quiet > 0)
                Thread.Sleep(QuietMs);
            var added = ThreadsOf(pid).Where(known.Add).ToList();
            quiet = added.Count == 0 ? quiet + 1 : 0;
            samples.Add(cpus, added);
            sideband.Add(cpus, added);
        }
    }

    private static IReadOnlyList<int> ThreadsOf(int pid)
    {
        try
        {
            return Machine.ThreadsOf(pid);
        }
        catch (DirectoryNotFoundException)
        {
            return []; // It ended; its pidfd says so to the drain loop.
        }
    }
}
