using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.MakeTrace;

/// <summary>
/// Four processes of three threads on two CPUs. Each process touches a large anonymous mapping page by page, returns at random to
/// its heap, and reads many mapped files, a thousandth of those faults major: the mix that makes a report work for its tables. Page-table facts are
/// <see cref="SyntheticPageTable"/>'s.
/// </summary>
internal sealed class SyntheticMachine
{
    private const int Processes = 4;
    private const int ThreadsEach = 3;
    private const int FilesEach = 150;
    private const ulong PageSize = 4096;
    private const ulong HeapPages = 1 << 16;
    private const ulong FilePages = 256;

    private readonly Random _random;
    private readonly ulong _arenaPages;
    private readonly SyntheticPageTable _pageTable;
    private readonly List<Region> _regions = [];
    private readonly ulong[] _nextArenaPage = new ulong[Processes];
    private readonly string[] _comms = new string[Processes * ThreadsEach];
    private long _timeNs;
    private long _major;

    /// <param name="arenaPages">Of the large mapping of each process: what of its pages is touched bounds the memory of a report.</param>
    public SyntheticMachine(int seed, ulong arenaPages)
    {
        _arenaPages = arenaPages;
        _random = new Random(seed);
        _pageTable = new SyntheticPageTable(_random, Processes);
        for (var process = 0; process < Processes; process++)
        {
            var heap = 0x5500_0000_0000UL + ((ulong)process << 36);
            var arena = 0x7f00_0000_0000UL + ((ulong)process << 36);
            AddRegion(process, "[heap]", null, heap, HeapPages);
            AddRegion(process, "[anon]", null, arena, _arenaPages);
            for (var file = 0; file < FilesEach; file++)
            {
                var path = $"/usr/lib/x86_64-linux-gnu/lib{file}.so.{process % 2}";
                AddRegion(process, path, path, arena + ((_arenaPages + (ulong)file * 2 * FilePages) * PageSize), FilePages);
            }

            for (var thread = 0; thread < ThreadsEach; thread++)
                _comms[(process * ThreadsEach) + thread] = thread == 0 ? $"server-{process}" : $"worker-{process}/{thread}";
        }
    }

    /// <summary>The next faults in time.</summary>
    public void Fill(FaultBatch batch, int count)
    {
        batch.Count = count;
        for (var i = 0; i < count; i++)
        {
            var task = _random.Next(_comms.Length);
            var process = task / ThreadsEach;
            var region = PickRegion(process, out var page);
            var isMajor = region.Path is not null && _random.Next(1000) == 0;
            _major += isMajor ? 1 : 0;
            _timeNs += 400 + _random.Next(1200);
            batch.TimeNs[i] = _timeNs;
            batch.DurationNs[i] = Duration(isMajor);
            batch.Pid[i] = Pid(process);
            batch.Tid[i] = Tid(task);
            batch.Cpu[i] = _random.Next(2);
            batch.Comm[i] = _comms[task];
            batch.Address[i] = (long)(region.Start + (page * PageSize) + (ulong)_random.Next(512) * 8);
            batch.Ip[i] = 0x5500_0000_1000 + _random.Next(4096);
            batch.Major[i] = isMajor;
            batch.Access[i] = region.Path is null ? FaultAccess.Write : FaultAccess.Read;
            batch.KernelAccess[i] = _random.Next(100) == 0;
            batch.ErrorCode[i] = region.Path is null ? 6 : 4;
            batch.RegionId[i] = region.Id;
            batch.Region[i] = region.Name;
            batch.FilePage[i] = region.Path is null ? FaultBatch.Null : (long)page;
            _pageTable.Fill(batch, i, process, isFile: region.Path is not null, isArena: region.Name == "[anon]", page);
        }
    }

    public TraceMetadata Metadata(long faults) => new()
    {
        ToolVersion = "0.1.0",
        Command = ["synthetic"],
        Target = "command",
        Host = "bench",
        Kernel = "6.18.0",
        Arch = "x86_64",
        StartedAt = DateTimeOffset.UnixEpoch,
        DurationNs = _timeNs + 1,
        Backend = Backend.Tracepoint,
        Regions = _regions,
        PageTable = new PageTableRecording(true, null, 4, "kallsyms", SyntheticPageTable.ZeroFrame),
        ThpMode = "madvise",
        SwapTypes = new Dictionary<string, string> { ["30"] = "migration", ["31"] = "migration" },
        NumaNodes = [new NumaRange(0, 0, SyntheticPageTable.Frames / 2), new NumaRange(1, SyntheticPageTable.Frames / 2, SyntheticPageTable.Frames)],
        Processes = [.. Enumerable.Range(0, Processes).Select(process => new ProcessEntry { Pid = Pid(process), Comm = _comms[process * ThreadsEach] })],
        Threads = [.. Enumerable.Range(0, _comms.Length)
            .Select(task => new ThreadEntry { Pid = Pid(task / ThreadsEach), Tid = Tid(task), Comm = _comms[task] })],
        Receipt = new Receipt { Events = faults, PerfMinor = faults - _major, PerfMajor = _major, ExitStatus = 0, Complete = true },
    };

    private static int Pid(int process) => 1000 + (process * ThreadsEach);

    private static int Tid(int task) => 1000 + task;

    private Region PickRegion(int process, out ulong page)
    {
        const int regionsEach = 2 + FilesEach;
        var first = process * regionsEach;
        switch (_random.Next(10))
        {
            case < 6:
                page = _nextArenaPage[process]++ % _arenaPages;
                return _regions[first + 1];
            case < 8:
                page = (ulong)_random.Next((int)HeapPages);
                return _regions[first];
            default:
                page = (ulong)_random.Next((int)FilePages);
                return _regions[first + 2 + _random.Next(FilesEach)];
        }
    }

    // A sharp mode with a long tail, as fault handlers have; a device's milliseconds for major ones.
    private long Duration(bool isMajor)
    {
        var tail = -Math.Log(1 - _random.NextDouble());
        return isMajor ? (long)(80_000 + (tail * 400_000)) : (long)(450 + (tail * 300));
    }

    private void AddRegion(int process, string name, string? path, ulong start, ulong pages) => _regions.Add(new Region
    {
        Id = _regions.Count + 1,
        Pid = Pid(process),
        Start = start,
        End = start + (pages * PageSize),
        Prot = path is null ? "rw-p" : "r--p",
        Name = name,
        Path = path,
    });
}
