using System.Reflection;
using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Traces;

namespace Faultrec.Recorder.Capture;

/// <summary>The BPF object, parsed, not yet in the kernel. What depends on target and machine is set on the way to load.</summary>
internal sealed unsafe class OpenProbes : IDisposable
{
    private const int LogSize = 64 * 1024;

    /// <summary>Of a table of counts by process; what finds it full is counted.</summary>
    private const uint MostCounts = 16 * 1024;

    private static readonly (string Map, string Program)[] CountMaps =
        [("lock_waits", "lock_wait_end"), ("flush_counts", "tlb_flushed"), ("slab_counts", "slab_object"), ("buddy_counts", "buddy_pages")];

    private readonly ObjectHandle _object;

    // libbpf keeps the pointer until load, so it must not move or be collected.
    private readonly byte* _log;
    private readonly uint _cpus;

    private OpenProbes(ObjectHandle bpfObject, byte* log, uint cpus)
    {
        _object = bpfObject;
        _log = log;
        _cpus = cpus;
    }

    public static OpenProbes Open(int possibleCpus)
    {
        using var resource = Assembly.GetExecutingAssembly().GetManifestResourceStream("faultrec.bpf.o")
            ?? throw new InvalidOperationException("faultrec.bpf.o is not embedded");
        var bytes = new byte[resource.Length];
        resource.ReadExactly(bytes);

        var log = (byte*)NativeMemory.AllocZeroed(LogSize);
        var options = new Libbpf.ObjectOpenOptions
        {
            Size = (nuint)sizeof(Libbpf.ObjectOpenOptions),
            KernelLogBuffer = log,
            KernelLogSize = LogSize,
        };
        // SAFETY: libbpf copies the image while opening; bytes is pinned for the call.
        fixed (byte* image = bytes)
        {
            var pointer = Libbpf.ObjectOpenMem(image, (nuint)bytes.Length, &options);
            if (pointer == 0)
            {
                NativeMemory.Free(log);
                throw Errno.Failure(Marshal.GetLastPInvokeError(), "opening the embedded BPF object");
            }
            return new OpenProbes(new ObjectHandle(pointer), log, (uint)possibleCpus);
        }
    }

    /// <summary>Sizes maps, fills .rodata and loads; this object must not be used afterwards.</summary>
    /// <param name="programs">Names of those to load; the others stay out of the kernel.</param>
    /// <exception cref="FaultrecException">Not permitted or not supported; names the errno and the verifier's last line.</exception>
    public LoadedProbes Load(ProbeConfig config, IReadOnlySet<string> programs)
    {
        foreach (var (name, program) in _object.Programs())
            Errno.ThrowIfLibbpfFailed(Libbpf.ProgramSetAutoload(program, programs.Contains(name)), $"choosing the probe {name}");
        SetMaxEntries("rings", _cpus * config.RingSlots);
        Errno.ThrowIfLibbpfFailed(
            Libbpf.MapSetValueSize(Libbpf.ObjectFindMapByName(_object, "rings"), (uint)AttachedProbes.SlotBytes(config)), "sizing the records of the fault rings");
        SetMaxEntries("ring_controls", _cpus);
        foreach (var (map, program) in CountMaps.Where(count => programs.Contains(count.Program)))
            SetMaxEntries(map, MostCounts);
        *(ProbeConfig*)InitialValue(".rodata", sizeof(ProbeConfig)) = config;
        var result = Libbpf.ObjectLoad(_object);
        if (result < 0)
        {
            _object.Dispose();
            throw Errno.Failure(-result, $"loading the BPF probes{(Machine.Lockdown is { } lockdown ? $" under kernel lockdown ({lockdown})" : "")}{LastLogLine()}");
        }
        return new LoadedProbes(_object, config, (int)_cpus, programs);
    }

    public void Dispose() => NativeMemory.Free(_log);

    private void SetMaxEntries(string map, uint entries)
        => Errno.ThrowIfLibbpfFailed(
            Libbpf.MapSetMaxEntries(Libbpf.ObjectFindMapByName(_object, map), entries), $"sizing the BPF map {map}");

    private void* InitialValue(string section, int size)
    {
        nuint length;
        var value = Libbpf.MapInitialValue(_object.SectionMap(section), &length);
        return value != null && (int)length >= size
            ? value
            : throw new InvalidOperationException($"the BPF object's {section} has {length} bytes, not {size}");
    }

    private string LastLogLine()
    {
        // Its last line is a statistic: "processed 17 insns …".
        var line = (Marshal.PtrToStringUTF8((nint)_log) ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .LastOrDefault(text => !text.StartsWith("processed ", StringComparison.Ordinal));
        return line is null ? "" : $" (verifier: {line})";
    }
}

/// <summary>Programs and maps in the kernel, nothing attached.</summary>
internal sealed unsafe class LoadedProbes(ObjectHandle bpfObject, ProbeConfig config, int cpus, IReadOnlySet<string> loaded)
{
    public ProbeConfig Config { get; } = config;

    public int Cpus { get; } = cpus;

    /// <summary>
    /// Attaches everything that does not need a perf event of its own, in the order of the source: a probe at an entry before the
    /// one at its end. This object must not be used afterwards.
    /// </summary>
    public AttachedProbes Attach()
    {
        var links = new List<LinkHandle>();
        var iterators = new Dictionary<string, LinkHandle>();
        var programs = new Dictionary<string, nint>();
        try
        {
            foreach (var (name, program) in bpfObject.Programs().Where(program => loaded.Contains(program.Name)))
            {
                programs[name] = program;
                if (name is AttachedProbes.MinorProgram or AttachedProbes.MajorProgram)
                    continue;
                var link = Libbpf.ProgramAttach(program);
                if (link == 0)
                    throw Errno.Failure(Marshal.GetLastPInvokeError(), $"attaching the probe {name}");
                if (name is AttachedProbes.MarkerProgram or AttachedProbes.DirectMapProgram)
                    iterators[name] = new LinkHandle(link);
                else
                    links.Add(new LinkHandle(link));
            }
            return new AttachedProbes(bpfObject, links, iterators, programs, Config, Cpus);
        }
        catch
        {
            foreach (var link in links.Concat(iterators.Values))
                link.Dispose();
            bpfObject.Dispose();
            throw;
        }
    }
}

/// <summary>Probes that run. Disposing detaches and unloads them.</summary>
internal sealed unsafe class AttachedProbes : IDisposable
{
    public const string MinorProgram = "fault_minor";
    public const string MajorProgram = "fault_major";
    public const string MarkerProgram = "mark_target";
    public const string DirectMapProgram = "find_direct_map";

    private readonly ObjectHandle _object;
    private readonly List<LinkHandle> _links;
    private readonly Dictionary<string, LinkHandle> _iterators;
    private readonly Dictionary<string, nint> _programs;
    private readonly MappedMemory _totals;
    private readonly MappedMemory _walk;

    public AttachedProbes(
        ObjectHandle bpfObject, List<LinkHandle> links, Dictionary<string, LinkHandle> iterators, Dictionary<string, nint> programs, ProbeConfig config, int cpus)
    {
        _object = bpfObject;
        _links = links;
        _iterators = iterators;
        _programs = programs;
        RingSlots = config.RingSlots;
        Cpus = cpus;
        BytesPerSlot = SlotBytes(config);
        Rings = MappedMemory.Map(MapFd("rings"), PageAlign((nuint)cpus * config.RingSlots * (nuint)BytesPerSlot), false, "the fault rings");
        Controls = MappedMemory.Map(MapFd("ring_controls"), PageAlign((nuint)cpus * (nuint)sizeof(RingControl)), true, "the ring controls");
        _totals = MappedMemory.Map(Libbpf.MapFd(_object.SectionMap(".bss")), (nuint)Environment.SystemPageSize, false, "the probe totals");
        _walk = MappedMemory.Map(Libbpf.MapFd(_object.SectionMap(".data.walk")), (nuint)Environment.SystemPageSize, true, "the state of page-table walks");
    }

    public uint RingSlots { get; }

    public int Cpus { get; }

    /// <summary>Of a record, with details where the configuration asks for them.</summary>
    public int BytesPerSlot { get; }

    /// <summary>FaultRecord[Cpus][RingSlots], or DetailedFault.</summary>
    public MappedMemory Rings { get; }

    /// <summary>RingControl[Cpus].</summary>
    public MappedMemory Controls { get; }

    public int EventsFd => MapFd("events");

    public long EventsLost => (long)Volatile.Read(ref ((ProbeTotals*)_totals.Pointer)->EventsLost);

    /// <summary>What a BPF hash table of counts had no room for.</summary>
    public long CountsLost => (long)Volatile.Read(ref ((ProbeTotals*)_totals.Pointer)->CountsLost);

    /// <summary>The entries of a BPF hash table from which nothing is deleted.</summary>
    public IReadOnlyList<(TKey Key, TValue Value)> ReadHash<TKey, TValue>(string map)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        var entries = new List<(TKey, TValue)>();
        var fd = MapFd(map);
        TKey key, next;
        TValue value;
        for (TKey* before = null; Libbpf.MapGetNextKey(fd, before, &next) == 0; before = &key)
        {
            key = next;
            if (Libbpf.MapLookupElement(fd, &key, &value) == 0)
                entries.Add((key, value));
        }
        return entries;
    }

    /// <summary>
    /// Makes every thread of the target process a target. Threads that a not yet marked thread created meanwhile are caught by
    /// the next round; each round that marks nothing ends it.
    /// </summary>
    public void MarkTarget()
    {
        ulong before;
        ref var marked = ref ((ProbeTotals*)_totals.Pointer)->TasksMarked;
        do
        {
            before = Volatile.Read(ref marked);
            Iterate(MarkerProgram);
        }
        while (Volatile.Read(ref marked) != before);
    }

    /// <summary>How page tables are walked; the probes read it at every fault.</summary>
    // SAFETY: mapped for as long as the probes live.
    public ref WalkState Walk => ref *(WalkState*)_walk.Pointer;

    /// <summary>Asks the kernel side for the direct map, see bpf/walk.bpf.h.</summary>
    public void FindDirectMap() => Iterate(DirectMapProgram);

    /// <summary>
    /// Runs a completion probe whenever the event, and what inherits it, counts; until the event is closed. Not by
    /// bpf_program__attach_perf_event, which enables the event at once instead of when its attributes say.
    /// </summary>
    public void AttachTo(FdHandle perfEvent, string program)
        => PerfEvent.Control(perfEvent, PerfEvent.IocSetBpf, Libbpf.ProgramFd(_programs[program]));

    /// <summary>No probe runs any more; what they wrote can still be read.</summary>
    public void Detach()
    {
        _links.ForEach(link => link.Dispose());
        _links.Clear();
    }

    public void Dispose()
    {
        Detach();
        foreach (var link in _iterators.Values)
            link.Dispose();
        Rings.Dispose();
        Controls.Dispose();
        _totals.Dispose();
        _walk.Dispose();
        _object.Dispose();
    }

    public static int SlotBytes(ProbeConfig config) => config.HasDetails != 0 ? sizeof(DetailedFault) : sizeof(FaultRecord);

    private static nint Raw(LinkHandle link) => link.DangerousGetHandle();

    /// <summary>Runs a program of the kind iter/task over every task.</summary>
    private void Iterate(string program)
    {
        using var iterator = new FdHandle(Libbpf.IterCreate(Libbpf.LinkFd(Raw(_iterators[program]))));
        Errno.ThrowIfFailed(iterator.IsInvalid ? -1 : 0, "creating the task iterator");
        byte scratch;
        while (Libc.Read(iterator.Fd, &scratch, 1) > 0)
        {
            // The program prints nothing; reading is what runs it.
        }
    }

    private static nuint PageAlign(nuint length) => (length + 4095) & ~(nuint)4095;

    private int MapFd(string name) => Libbpf.MapFd(Libbpf.ObjectFindMapByName(_object, name));
}
