using System.Runtime.InteropServices;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Probes;

/// <summary>The BPF object, parsed, not yet in the kernel. What depends on target and machine is set on the way to load.</summary>
internal sealed class OpenProbes : IDisposable
{
    /// <summary>Entries of a table of counts by process; what finds it full is counted as lost.</summary>
    private const uint MostCounts = 16 * 1024;

    private const uint EventRingBytes = 8 << 20;

    private static readonly (string Map, string Program)[] CountMaps =
        [("lock_waits", "lock_wait_end"), ("flush_counts", "tlb_flushed"), ("slab_counts", "slab_object"), ("buddy_counts", "buddy_pages")];

    /// <summary>Maps that only walks of stacks look into; they have their size in the object.</summary>
    private static readonly string[] MapsOfWalks = ["known_stacks", "row_cache", "walkers", "python_scratches"];

    private readonly EmbeddedObject _file;
    private readonly uint _cpus;

    private OpenProbes(EmbeddedObject file, uint cpus) => (_file, _cpus) = (file, cpus);

    public static OpenProbes Open(int possibleCpus) => new(EmbeddedObject.Open("faultrec.bpf.o"), (uint)possibleCpus);

    /// <summary>Sizes maps, fills .rodata and loads; this object must not be used afterwards.</summary>
    /// <param name="programs">Names of the programs to load; the others stay out of the kernel.</param>
    /// <exception cref="FaultrecException">Not permitted or not supported; names the errno and the verifier's last line.</exception>
    // SAFETY: InitialValue has looked whether a ProbeConfig fits; libbpf keeps that memory until the object is loaded, which is later.
    public unsafe LoadedProbes Load(ProbeConfig config, IReadOnlySet<string> programs)
    {
        foreach (var (name, program) in _file.Handle.Programs())
            Errno.ThrowIfLibbpfFailed(Libbpf.ProgramSetAutoload(program, programs.Contains(name)), $"choosing the probe {name}");
        SetMaxEntries("rings", _cpus * config.RingSlots);
        Errno.ThrowIfLibbpfFailed(
            Libbpf.MapSetValueSize(Libbpf.ObjectFindMapByName(_file.Handle, "rings"), (uint)AttachedProbes.SlotOf(config).Bytes),
            "sizing the records of the fault rings");
        SetMaxEntries("ring_controls", _cpus);
        SetMaxEntries("events", MemoryBudget.Scaled(EventRingBytes));
        foreach (var (map, program) in CountMaps.Where(count => programs.Contains(count.Program)))
            SetMaxEntries(map, MostCounts);
        if (config.CodeMaps > 0)
        {
            SizeStackMaps(config);
        }
        else
        {
            foreach (var map in MapsOfWalks)
                SetMaxEntries(map, 1);
        }

        *(ProbeConfig*)InitialValue(".rodata", sizeof(ProbeConfig)) = config;
        var result = Libbpf.ObjectLoad(_file.Handle);
        if (result < 0)
        {
            _file.Handle.Dispose();
            throw Errno.Failure(-result,
                $"loading the BPF probes{(Machine.Lockdown is { } lockdown ? $" under kernel lockdown ({lockdown})" : "")}{LogLine()}");
        }

        return new LoadedProbes(_file.Handle, config, (int)_cpus, programs);
    }

    public void Dispose() => _file.Dispose();

    private string LogLine() => _file.LastLogLine is { Length: > 0 } line ? $" (verifier: {line})" : "";

    private void SizeStackMaps(ProbeConfig config)
    {
        SetMaxEntries("unwind_rows", StackProbes.MaxRows);
        SetMaxEntries("code_maps", config.CodeMaps);
        SetMaxEntries("free_maps", config.CodeMaps);
        SetMaxEntries("process_maps", 4 * config.CodeMaps);
        SetMaxEntries("code_files", StackProbes.MaxFiles);
        SetMaxEntries("sent_stacks", StackProbes.RememberedStacks);
        SetMaxEntries("sent_codes", StackProbes.RememberedStacks);
        SetMaxEntries("stacks", StackProbes.RingBytes);
    }

    private void SetMaxEntries(string map, uint entries)
        => Errno.ThrowIfLibbpfFailed(
            Libbpf.MapSetMaxEntries(Libbpf.ObjectFindMapByName(_file.Handle, map), entries), $"sizing the BPF map {map}");

    // SAFETY: libbpf writes the length into the local, and says how many bytes are behind the pointer.
    private unsafe void* InitialValue(string section, int size)
    {
        nuint length;
        var value = Libbpf.MapInitialValue(_file.Handle.SectionMap(section), &length);
        return value != null && (int)length >= size
            ? value
            : throw new InvalidOperationException($"the BPF object's {section} has {length} bytes, not {size}");
    }
}

/// <summary>Programs and maps in the kernel, nothing attached.</summary>
internal sealed class LoadedProbes(ObjectHandle bpfObject, ProbeConfig config, int cpus, IReadOnlySet<string> loaded)
{
    public ProbeConfig Config { get; } = config;

    public int Cpus { get; } = cpus;

    /// <summary>
    /// Attaches everything that does not need a perf event of its own, in the order of the source: a probe at an end before the
    /// one at its entry. This object must not be used afterwards.
    /// </summary>
    /// <param name="calls">Functions to which kprobes at system calls are attached, if they are loaded.</param>
    public AttachedProbes Attach(IReadOnlyList<string> calls)
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
                if (AttachedProbes.Iterators.Contains(name))
                {
                    iterators.Add(name, Link(Libbpf.ProgramAttach(program), name));
                    continue;
                }

                // One by one: where an attachment fails, those before it are given back.
                foreach (var link in Links(program, name, calls))
                    links.Add(link);
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

    private static IEnumerable<LinkHandle> Links(nint program, string name, IReadOnlyList<string> calls)
        => name is CallProbes.EntryProgram or CallProbes.ReturnProgram
            ? calls.Select(call => Link(Libbpf.ProgramAttachKprobe(program, name == CallProbes.ReturnProgram, call), $"{name} at {call}"))
            : [Link(Libbpf.ProgramAttach(program), name)];

    private static LinkHandle Link(nint link, string program)
        => link == 0 ? throw Errno.Failure(Marshal.GetLastPInvokeError(), $"attaching the probe {program}") : new LinkHandle(link);
}

/// <summary>Probes that run. Disposing detaches and unloads them.</summary>
// SAFETY: what is mapped stays so until Dispose; ProbeTotals and WalkState are smaller than the page that is mapped for each. Keys and values of
// BPF maps are locals or arguments, of the types that the header has for the map.
internal sealed unsafe class AttachedProbes : IDisposable
{
    public const string MinorProgram = "fault_minor";
    public const string MajorProgram = "fault_major";
    public const string MarkerProgram = "mark_target";
    public const string DirectMapProgram = "find_direct_map";
    public const string ReturnsDueProgram = "count_returns_due";
    public const string OpenAccountsProgram = "open_accounts";
    public const string CloseAccountsProgram = "close_accounts";

    /// <summary>Task iterators: programs that run on request, once per task.</summary>
    public static readonly IReadOnlyList<string> Iterators = [MarkerProgram, DirectMapProgram, ReturnsDueProgram, OpenAccountsProgram, CloseAccountsProgram];

    private readonly ObjectHandle _object;
    private readonly List<LinkHandle> _links;
    private readonly Dictionary<string, LinkHandle> _iterators;
    private readonly Dictionary<string, nint> _programs;
    private readonly MappedMemory _totals;
    private readonly MappedMemory _walk;

    public AttachedProbes(
        ObjectHandle bpfObject, List<LinkHandle> links, Dictionary<string, LinkHandle> iterators, Dictionary<string, nint> programs, ProbeConfig config,
        int cpus)
    {
        _object = bpfObject;
        _links = links;
        _iterators = iterators;
        _programs = programs;
        RingSlots = config.RingSlots;
        Cpus = cpus;
        (BytesPerSlot, RecordType) = SlotOf(config);
        Rings = MappedMemory.Map(MapFd("rings"), (nuint)PageGeometry.Here.RoundUp((nuint)cpus * config.RingSlots * (nuint)BytesPerSlot), false,
            "the fault rings");
        Controls = MappedMemory.Map(MapFd("ring_controls"), (nuint)PageGeometry.Here.RoundUp((nuint)cpus * (nuint)sizeof(RingControl)), true,
            "the ring controls");
        _totals = MappedMemory.Map(Libbpf.MapFd(_object.SectionMap(".bss")), (nuint)PageGeometry.Here.PageBytes, false, "the probe totals");
        _walk = MappedMemory.Map(Libbpf.MapFd(_object.SectionMap(".data.walk")), (nuint)PageGeometry.Here.PageBytes, true, "the state of page-table walks");
    }

    public uint RingSlots { get; }

    public int Cpus { get; }

    /// <summary>Size of a record, with details if the configuration asks for them.</summary>
    public int BytesPerSlot { get; }

    /// <summary>Of what a slot holds.</summary>
    public SpoolRecordType RecordType { get; }

    /// <summary>FaultRecord[Cpus][RingSlots], or StackedFault, or DetailedFault.</summary>
    public MappedMemory Rings { get; }

    /// <summary>RingControl[Cpus].</summary>
    public MappedMemory Controls { get; }

    public int EventsFd => MapFd("events");

    public int StacksFd => MapFd("stacks");

    /// <summary>The totals as they are now.</summary>
    // SAFETY: mapped for as long as the probes live.
    public ProbeTotals Totals => *(ProbeTotals*)_totals.Pointer;

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
    /// Makes every thread of the target process a target. Threads that an unmarked thread created meanwhile are found by
    /// the next round; the first round that marks nothing is the last.
    /// </summary>
    public void MarkTarget()
    {
        ulong before;
        ref var marked = ref ((ProbeTotals*)_totals.Pointer)->TasksMarked;
        do
        {
            before = Volatile.Read(ref marked);
            RunForEachTask(MarkerProgram);
        }
        while (Volatile.Read(ref marked) != before);
    }

    /// <summary>Reads the kernel's counters of the tasks that already run, from which on they count; see bpf/account.bpf.h.</summary>
    public void OpenAccounts() => RunForEachTask(OpenAccountsProgram);

    /// <summary>The last reading of these counters, after new faults are no longer recorded.</summary>
    public void CloseAccounts() => RunForEachTask(CloseAccountsProgram);

    /// <summary>How page tables are walked; the probes read it at every fault.</summary>
    // SAFETY: mapped for as long as the probes live.
    public ref WalkState Walk => ref *(WalkState*)_walk.Pointer;

    /// <summary>Asks the kernel side for the direct map, see bpf/walk.bpf.h.</summary>
    public void FindDirectMap() => RunForEachTask(DirectMapProgram);

    /// <summary>Faults of targets that are under way, or whose return the probe missed without this having been noticed so far.</summary>
    public long CountReturnsDue()
    {
        ref var due = ref ((ProbeTotals*)_totals.Pointer)->ReturnsDue;
        var before = Volatile.Read(ref due);
        RunForEachTask(ReturnsDueProgram);
        return (long)(Volatile.Read(ref due) - before);
    }

    /// <summary>
    /// Runs a completion probe whenever the event, or one that inherits it, counts, until the event is closed. It does not use
    /// bpf_program__attach_perf_event, which enables the event at once and not when its attributes say.
    /// </summary>
    public void AttachTo(FdHandle perfEvent, string program)
        => PerfEvent.Control(perfEvent, PerfEvent.IocSetBpf, Libbpf.ProgramFd(_programs[program]));

    /// <summary>Detaches all probes; what they wrote can still be read.</summary>
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

    public static (int Bytes, SpoolRecordType Type) SlotOf(ProbeConfig config)
        => config.HasDetails != 0 ? (sizeof(DetailedFault), SpoolRecordType.DetailedFaults)
            : config.CodeMaps != 0 ? (sizeof(StackedFault), SpoolRecordType.StackedFaults)
            : (sizeof(FaultRecord), SpoolRecordType.Faults);

    private void RunForEachTask(string program)
    {
        using var iterator = new FdHandle(Libbpf.IterCreate(Libbpf.LinkFd(_iterators[program].DangerousGetHandle())));
        Errno.ThrowIfFailed(iterator.IsInvalid ? -1 : 0, "creating the task iterator");
        byte scratch;
        while (Libc.Read(iterator.Fd, &scratch, 1) > 0)
        {
            // The program prints nothing; reading is what runs it.
        }
    }

    /// <summary>Maps a BPF array that user space may write.</summary>
    public MappedMemory MapArray(string name, uint entries, int entryBytes, string what)
        => MappedMemory.Map(MapFd(name), (nuint)PageGeometry.Here.RoundUp((nuint)entries * (nuint)entryBytes), true, what);

    /// <returns>Whether the hash table has the key.</returns>
    public bool TryGet<TKey, TValue>(string map, TKey key, out TValue value)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        fixed (TValue* pointer = &value)
            return Libbpf.MapLookupElement(MapFd(map), &key, pointer) == 0;
    }

    /// <returns>False: the hash table is full.</returns>
    public bool TrySet<TKey, TValue>(string map, TKey key, TValue value)
        where TKey : unmanaged
        where TValue : unmanaged
        => Libbpf.MapUpdateElement(MapFd(map), &key, &value, 0) == 0;

    /// <summary>Pushes a value to a BPF queue.</summary>
    public void Push<T>(string map, T value)
        where T : unmanaged
        => Errno.ThrowIfLibbpfFailed(Libbpf.MapUpdateElement(MapFd(map), null, &value, 0), $"filling the BPF map {map}");

    /// <returns>False: the BPF queue is empty.</returns>
    public bool TryPop<T>(string map, out T value)
        where T : unmanaged
    {
        fixed (T* pointer = &value)
            return Libbpf.MapLookupAndDeleteElement(MapFd(map), null, pointer) == 0;
    }

    private int MapFd(string name) => Libbpf.MapFd(Libbpf.ObjectFindMapByName(_object, name));
}
