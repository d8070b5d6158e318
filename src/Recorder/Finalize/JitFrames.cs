using System.Globalization;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Symbols;
using Faultrec.Traces.Ledger;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Finalize;

/// <summary>
/// Names of code that programs generated at run time, as their runtimes wrote them: a jitdump that the process mapped, otherwise its
/// /tmp/perf-PID.map. They are read when the trace is made, because only then are they complete.
/// </summary>
internal sealed partial class JitFrames(TraceMetadata header, PerfMapWatch maps)
{
    /// <summary>Most processes whose tables are held at a time; a machine can run any number.</summary>
    private const int MaxHeld = 64;

    private const int MaxWarnings = 64;

    /// <summary>Tolerance: file times come from a clock that advances by ticks, and the recording's two clocks are read one after the other.</summary>
    private static readonly TimeSpan Slack = TimeSpan.FromMilliseconds(50);

    private readonly Dictionary<(int Pid, long? StartedNs, MappingIdentity? Dump), Tables> _tables = [];
    private readonly List<string> _warnings = [];
    private readonly HashSet<string> _said = [];
    private readonly uint? _invokingUser = InvokingUser.FromSudo(Libc.Geteuid() == 0)?.Uid;
    private int _unsaid;

    public IReadOnlyList<string> Warnings => _unsaid == 0
        ? _warnings
        : [.. _warnings, string.Create(CultureInfo.InvariantCulture, $"and {_unsaid} more like these")];

    /// <summary>
    /// Mappings that can hold code which is in no file: anonymous memory, or the unnamed files that runtimes map twice (.NET's
    /// "doublemapper"). They need not be executable now: some runtimes remove that permission while they write.
    /// </summary>
    public static bool CanHold(MappingIdentity identity) => identity.Path switch
    {
        null => identity.Name is "[anon]" or "[heap]",
        var path => path.StartsWith("/memfd:", StringComparison.Ordinal) || path.StartsWith("/dev/zero", StringComparison.Ordinal),
    };

    /// <summary>Within one version an address has one name.</summary>
    public (int Dump, int Map) VersionOf(AddressSpace space, long timeNs)
    {
        // A process without either is not looked up: nearly all are.
        if (space.JitDump is null && !maps.Has(space.Pid) && !(space.ForkedFromPid is { } parent && maps.Has(parent)))
            return default;
        var tables = TablesOf(space);
        return (tables.Dump?.VersionAt(timeNs) ?? 0, tables.Map?.VersionAt(timeNs) ?? 0);
    }

    /// <summary>Null: no map or jitdump names the code there.</summary>
    public CodeName? Find(AddressSpace space, ulong address, long timeNs, bool isCode)
    {
        var tables = TablesOf(space);
        if (isCode && tables is { Dump: null, Map: null })
            Warn($"pid {space.Pid}: no /tmp/perf-{space.Pid}.map or jitdump: the code that it generated has no names");
        if ((tables.Dump?.Find(address, timeNs) ?? tables.Map?.Find(address, timeNs)) is not { } code)
            return null;
        var name = JitName.Parse(code.Name);
        return LineAt(code, address) is { } line
            ? new CodeName(name.Function, line.File, line.Line)
            : new CodeName(name.Function, name.File, name.Line);
    }

    private static JitLine? LineAt(JitCode code, ulong address)
    {
        JitLine? found = null;
        foreach (var line in code.Lines ?? [])
        {
            if (line.Address > address)
                break;
            found = line;
        }

        return found;
    }

    private Tables TablesOf(AddressSpace space)
    {
        var key = (space.Pid, space.StartedNs, space.JitDump);
        if (_tables.TryGetValue(key, out var known))
            return known;
        if (_tables.Count == MaxHeld)
            _tables.Clear();
        var dump = space.JitDump is { } identity ? ReadDump(space, identity) : null;
        var map = ReadMap(space.Pid, space.StartedNs);
        // A forked process continues with its parent's code.
        if (map is null && space.ForkedFromPid is { } parent)
            map = ReadMap(parent, space.ParentStartedNs);
        return _tables[key] = new Tables(dump, map);
    }

    private JitCodeTable? ReadMap(int pid, long? startedNs)
    {
        var live = LiveProcess.Find(pid, StartOf(startedNs) ?? header.StartedAt);
        var name = $"/tmp/perf-{live?.NamespacePid ?? pid}.map";
        using var root = RootFolder.TryOpen(live?.RootPath ?? "/");
        if (root is null)
            return null;
        using var file = root.TryOpenFile(name, out var status);
        if (file is null || !IsOf(status, name, live, startedNs))
            return null;
        using var stream = new FileStream(file, FileAccess.Read);
        var table = PerfMap.Read(stream, maps.Find(pid, status.Inode), out var damaged);
        WarnOfDamage(name, "lines", damaged);
        return table;
    }

    private JitCodeTable? ReadDump(AddressSpace space, MappingIdentity identity)
    {
        var live = LiveProcess.Find(space.Pid, StartOf(space.StartedNs) ?? header.StartedAt);
        var path = identity.Path!;
        using var root = RootFolder.TryOpen(live?.RootPath ?? "/");
        FileStatus status = default;
        using var file = root?.TryOpenFile(path, out status);
        if (file is null)
        {
            Warn($"{path}: cannot be opened: the code of pid {space.Pid} is named by its perf map, if there is one");
            return null;
        }
        // The process mapped this very file, so it is the right one whoever owns it.
        if (status.Inode != identity.Inode)
        {
            Warn($"{path}: is no longer the file that pid {space.Pid} mapped");
            return null;
        }

        try
        {
            var table = JitDump.Read(file, out var damaged);
            WarnOfDamage(path, "records", damaged);
            return table;
        }
        catch (BadElfException e)
        {
            Warn($"{path}: {e.Message}");
            return null;
        }
    }

    // As in perf (dso__load, tools/perf/util/symbol.c): anyone can write to /tmp, so only files of root, this user or the process's user count.
    private bool IsOf(in FileStatus status, string name, LiveProcess? live, long? startedNs)
    {
        if (status.Owner != 0 && status.Owner != Libc.Geteuid() && status.Owner != _invokingUser && status.Owner != live?.User)
        {
            Warn($"{name}: belongs to user {status.Owner}, not to the user of the process, so it is not used");
            return false;
        }

        var begin = StartOf(startedNs) ?? live?.StartedAt ?? header.StartedAt;
        if (status.ModifiedAt >= begin - Slack)
            return true;
        Warn($"{name}: is older than the process, so it belongs to another one and is not used");
        return false;
    }

    private DateTimeOffset? StartOf(long? startedNs)
        => startedNs is { } ns ? header.StartedAt.AddTicks((ns - header.ClockStartNs) / TimeSpan.NanosecondsPerTick) : null;

    private void WarnOfDamage(string name, string what, long damaged)
    {
        if (damaged > 0)
            Warn(string.Create(CultureInfo.InvariantCulture, $"{name}: {damaged} {what} are damaged or too many, and left out"));
    }

    private void Warn(string warning)
    {
        if (!_said.Add(warning))
            return;
        if (_warnings.Count < MaxWarnings)
            _warnings.Add(warning);
        else
            _unsaid++;
    }

    private sealed record Tables(JitCodeTable? Dump, JitCodeTable? Map);
}
