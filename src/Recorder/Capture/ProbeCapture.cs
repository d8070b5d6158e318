using Faultrec.Recorder.Doctor;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Perf;
using Faultrec.Recorder.Probes;
using Faultrec.Recorder.Spool;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Capture;

/// <summary>The backends that are BPF programs: they share rings, side-band and the choice of targets.</summary>
internal sealed class ProbeCapture : ICapture
{
    /// <summary>Records of one CPU's ring: 64 K × 64 B, a tenth of a second at the highest fault rate a core can produce.</summary>
    private static readonly uint RingSlots = MemoryBudget.Scaled(64 * 1024);

    /// <summary>A fault's last step, from the kernel's count to the probe, takes less than a microsecond if it keeps its CPU.</summary>
    private const int UnderWayMs = 2;

    private static readonly string[] CommonPrograms =
        ["signal_raised", "task_new", "task_exec", "task_exit", AttachedProbes.MarkerProgram, AttachedProbes.OpenAccountsProgram];

    private readonly Target _target;
    private readonly AttachedProbes _probes;
    private readonly Sideband _sideband;
    private readonly TargetFilter? _filter;
    private readonly FaultCounters? _counters;
    private readonly EventRing _events;
    private readonly FaultRings _faults;
    private readonly StackProbes? _stacks;
    private readonly Action<string>? _onNotice;
    private readonly int _selfPid;
    private ProbeCounts _counts;
    private long _returnsDue;

    private ProbeCapture(
        Backend backend, RecordOptions options, Target target, IReadOnlyList<HandlerProbe> handlers, PageTableRecording frames,
        CostProbes costs, StackProbes? stacks, AttachedProbes probes, Sideband sideband, TargetFilter? filter, FaultCounters? counters, FaultRings faults)
    {
        Backend = backend;
        Frames = frames;
        Costs = costs;
        _stacks = stacks;
        Stacks = StackProbes.Recording(options, null);
        _onNotice = options.OnNotice;
        _selfPid = SelfPid(options);
        Handlers = handlers;
        _target = target;
        _probes = probes;
        _sideband = sideband;
        _filter = filter;
        _counters = counters;
        _faults = faults;
        _events = new EventRing(probes);
    }

    public Backend Backend { get; }

    public IReadOnlyList<HandlerProbe> Handlers { get; }

    public PageTableRecording Frames { get; }

    public CostProbes Costs { get; }

    public StackRecording? Stacks { get; }

    public bool ExcludesKernel => false;

    public bool SeesSignals => true;

    public IEnumerable<int> Fds => _sideband.Fds.Prepend(_events.Fd);

    public long TargetSignalledNs => _events.TargetSignalledNs;

    public bool HasMatched => !_target.MayBeNobody || _filter!.HasMatched || _counts.Taken + _counts.SampledOut > 0 || _target.IsAnybody(_selfPid);

    /// <exception cref="FaultrecException">This backend does not work here, or not for this user.</exception>
    public static ProbeCapture Open(Backend backend, RecordOptions options, Target target)
    {
        if (backend == Backend.Kprobe)
            RefuseWithoutKprobes();
        var handlers = options.Handlers ? FaultHandlers.Find(backend) : [];
        var costs = CostProbes.Find(backend, options);
        var config = StackProbes.Describe(costs.Describe(backend, Config(backend, target, options)), options);
        if (backend == Backend.Kprobe)
            StaleKprobes.Remove();
        using var open = OpenProbes.Open(Machine.PossibleCpus);
        var calls = CallProbes.Functions(backend);
        var programs = Programs(backend, handlers, costs, options).Concat(CallProbes.Programs(backend, calls)).ToHashSet();
        var probes = open.Load(config, programs).Attach(calls);
        StackProbes? stacks = null;
        Sideband? sideband = null;
        FaultCounters? counters = null;
        try
        {
            var frames = options.NoFrames ? new PageTableRecording(false, "--no-frames was given", 0, null, null) : DirectMap.Find(probes);
            stacks = StackProbes.Open(probes, config, options.Command, target.MappedFiles);
            var faults = new FaultRings(probes, options);
            // A command does not fault before it is released; the faults of running processes must wait for Start.
            if (!target.IsMachineWide)
                faults.Begin();
            if (target.Pid != 0)
                probes.MarkTarget();
            var filter = target.MakeFilter(SelfPid(options));
            sideband = Sideband.Open(Machine.OnlineCpus, [target.IsMachineWide ? -1 : target.Pid], !target.IsMachineWide, filter: filter);
            if (backend.Hooks is null)
                counters = target.IsMachineWide ? FaultCounters.OpenForMachine(probes) : FaultCounters.OpenForCommand(probes, target.Pid);
            return new ProbeCapture(backend, options, target, handlers, frames, costs, stacks, probes, sideband, filter, counters, faults);
        }
        catch
        {
            counters?.Dispose();
            sideband?.Dispose();
            stacks?.Dispose();
            probes.Dispose();
            throw;
        }
    }

    public void Start(IRecordSink sink)
    {
        _sideband.Enable();
        var takesResident = sink.TakesResident && _target.Launcher is null;
        sink = _stacks?.Watching(sink) ?? sink;
        var running = new List<int>();
        foreach (var snapshot in _target.Snapshots())
        {
            _filter?.Know(snapshot.Pid);
            sink.Append(SpoolRecordType.Maps, snapshot, SpoolJson.Default.MapsSnapshot);
            running.Add(snapshot.Pid);
        }

        if (_target.MayBeNobody && !_filter!.HasMatched)
            _onNotice?.Invoke($"no process matches {_target.Description} yet; waiting for one");
        // For one process the tables are awaited, so that its stacks are whole from the first fault on. Those of many are made while they are recorded.
        if (_target.Pid != 0)
            _stacks?.WaitForTables();
        // As late as can be: what is faulted in from here on until the recording begins, is not known.
        var resident = takesResident ? running.Select(ResidentPages.TryTake).OfType<ResidentSnapshot>().ToList() : [];
        _faults.Begin();
        _counters?.Enable();
        _probes.OpenAccounts();
        foreach (var snapshot in resident)
            sink.Append(SpoolRecordType.Resident, snapshot, SpoolJson.Default.ResidentSnapshot);
    }

    public void DrainTo(IRecordSink sink, long nowNs)
    {
        var watched = _stacks?.Watching(sink) ?? sink;
        _faults.DrainTo(sink, nowNs);
        _sideband.Collect();
        _events.DrainTo(sink);
        var tasks = _events.TakeTasks();
        foreach (var task in tasks)
            _filter?.Found(task.Pid, task.TimeNs);
        _sideband.DrainTo(watched);
        foreach (var appeared in _filter?.TakeAppeared() ?? [])
            AddSnapshot(appeared, watched);
        foreach (var task in tasks.Where(task => task.IsUncounted))
            Follow(task, watched);
        _stacks?.DrainTo(sink);
    }

    public void Stop()
    {
        _counts = _faults.ReadCounts();
        // First, because detaching takes time: the end of a fault whose entry no longer has a probe would count as lost.
        _faults.End();
        if (_counters is null)
        {
            _returnsDue = Backend == Backend.Kprobe ? CountReturnsDue() : 0;
            _probes.Detach();
            return;
        }
        // Faults that are between start and end now are counted during this time.
        Thread.Sleep(UnderWayMs);
        _probes.CloseAccounts();
        _counters.Disable();
    }

    public CaptureCounts ReadCounts()
    {
        var counts = _faults.ReadCounts();
        var totals = _probes.Totals;
        // Faults known from a task's own counters were counted by no perf event, or by one that was inherited while it was being opened.
        var counters = totals.ToldByTask == 0 ? _counters : null;
        return new CaptureCounts
        {
            Receipt = new Receipt
            {
                Events = 0,
                SampledOut = counts.SampledOut,
                SampledOutMajor = counts.SampledOutMajor,
                Excluded = counts.Excluded,
                CountsLost = (long)totals.CountsLost,
                WithoutOutcome = _counts.WithoutOutcome,
                PerfMinor = counters?.Minor - counts.EndedMinor,
                PerfMajor = counters?.Major - counts.EndedMajor,
                KernelMinor = counts.KernelMinor + (long)totals.KernelMinor,
                KernelMajor = counts.KernelMajor + (long)totals.KernelMajor,
                KernelExec = (long)totals.ExecFaults,
                InCalls = (long)totals.InCallsMinor + (long)totals.InCallsMajor,
                InCallsMajor = (long)totals.InCallsMajor,
            },
            EventsLost = (long)totals.EventsLost,
            ReturnsDue = _returnsDue,
            Costs = Costs.Read(_probes),
            StackWarnings = _stacks?.Warnings ?? [],
        };
    }

    public void Dispose()
    {
        _events.Dispose();
        _counters?.Dispose();
        _sideband.Dispose();
        _stacks?.Dispose();
        _probes.Dispose();
    }

    /// <summary>
    /// A task of the command has executed a program with other privileges, and the kernel has removed its perf events; or the task was created
    /// by such a task before that one got new events. Its faults meanwhile are known from its own counters (bpf/own_counters.bpf.h), its
    /// mappings from their present state.
    /// </summary>
    private void Follow(EventRecord task, IRecordSink sink)
    {
        try
        {
            // A short program may be gone before its events are open; the second reading finds what it maps meanwhile.
            AddSnapshot(new NewTarget(task.Pid, task.TimeNs), sink);
            _counters?.Follow(task.Tid, task.TimeNs);
            _sideband.Follow(Machine.OnlineCpus, task.Tid);
            AddSnapshot(new NewTarget(task.Pid, task.TimeNs), sink);
        }
        catch (FaultrecException)
        {
            // The task has ended, or no descriptors are left: its faults are still known from its counters.
        }
    }

    /// <summary>Mappings that no side-band record has reported.</summary>
    private static void AddSnapshot(NewTarget target, IRecordSink sink)
    {
        if (ProcessSnapshot.TryTake(target.Pid, out _) is not { } snapshot)
            return;
        // Once as if they had existed from the beginning, and once for what was mapped over meanwhile.
        sink.Append(SpoolRecordType.Maps, snapshot with { TimeNs = target.TimeNs }, SpoolJson.Default.MapsSnapshot);
        sink.Append(SpoolRecordType.Maps, snapshot, SpoolJson.Default.MapsSnapshot);
    }

    /// <summary>A fault takes microseconds, or milliseconds with a disk: one that has not ended after a while may well have been missed.</summary>
    private long CountReturnsDue()
    {
        const int looks = 8, pauseMs = 5;
        var due = _probes.CountReturnsDue();
        for (var look = 1; due > 0 && look < looks; look++)
        {
            Thread.Sleep(pauseMs);
            due = _probes.CountReturnsDue();
        }

        return due;
    }

    // Attaching would fail, too, but only after the verifier has checked every program.
    private static void RefuseWithoutKprobes()
    {
        var events = Path.Combine(KernelFile.MountPoint("tracefs") ?? "/sys/kernel/tracing", "kprobe_events");
        if (!Directory.Exists(TrialAttach.KprobePmu) && !File.Exists(events))
            throw new FaultrecException(ExitCode.NotPermitted, $"this kernel has no kprobes: neither {TrialAttach.KprobePmu} nor {events} exists");
    }

    /// <summary>The recorder, where it is left out; else 0.</summary>
    private static int SelfPid(RecordOptions options) => options.IncludeSelf ? 0 : Environment.ProcessId;

    private static IEnumerable<string> Programs(Backend backend, IReadOnlyList<HandlerProbe> handlers, CostProbes costs, RecordOptions options)
    {
        string[] own = backend.Hooks is { } hooks
            ? [$"mm_fault_{hooks.Entry}", $"mm_fault_{hooks.Return}"]
            : ["fault_enter_user", "fault_enter_kernel", AttachedProbes.MinorProgram, AttachedProbes.MajorProgram, AttachedProbes.CloseAccountsProgram];
        string[] due = backend == Backend.Kprobe ? [AttachedProbes.ReturnsDueProgram] : [];
        string[] walk = options.NoFrames ? [] : [AttachedProbes.DirectMapProgram];
        string[] collapses = KernelFaults.Read().TellsCollapses ? ["pages_isolated", "huge_page_made"] : [];
        return [.. CommonPrograms, .. own, .. due, .. walk, .. collapses, .. costs.Programs,
            .. handlers.Where(probe => probe.Reason is null).Select(probe => FaultHandlers.Program(backend, probe))];
    }

    private static ProbeConfig Config(Backend backend, Target target, RecordOptions options)
    {
        var config = new ProbeConfig
        {
            PidnsInum = Machine.PidNamespaceInum,
            TargetTgid = (uint)target.Pid,
            RingSlots = RingSlots,
            Scope = target.Scope,
            SelfTgid = (uint)SelfPid(options),
            MachineWide = (byte)(target.IsMachineWide ? 1 : 0),
            LeaderOnly = (byte)(target.Launcher is null ? 0 : 1),
            HasDetails = (byte)(options.Handlers ? 1 : 0),
            HasLargeFolios = (byte)(KernelMemory.HasLargeFolios ? 1 : 0),
            CgroupId = target.CgroupId,
        };
        config = target.Names?.Describe(config) ?? config;
        if (backend.Hooks is null)
            return config;
        config.SeesOnlyMapped = 1;
        config = KernelFaults.Read().Describe(config);
        if (config.ArgAddress == ProbeConfig.NoArgument || config.ArgFlags == ProbeConfig.NoArgument)
        {
            throw new FaultrecException(ExitCode.NotPermitted,
                "the kernel's BTF does not describe the arguments of handle_mm_fault; see `faultrec doctor handle_mm_fault`");
        }

        return config;
    }
}
