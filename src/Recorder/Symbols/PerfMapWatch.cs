using System.Collections.Concurrent;
using System.Globalization;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>
/// Observes the perf maps in /tmp of running processes, as often as the rings are drained. A process with a /tmp of its own is not
/// watched.
/// </summary>
internal sealed class PerfMapWatch : IDisposable
{
    private const string Folder = "/tmp";
    private const string Prefix = "perf-";
    private const string Suffix = ".map";
    private const int IntervalMs = 20;

    /// <summary>Most maps watched at a time, because anyone can create files in /tmp.</summary>
    private const int MaxWatched = 256;

    private readonly ConcurrentDictionary<int, (ulong Inode, PerfMapLengths Lengths)> _maps = [];
    private readonly HashSet<int> _running = [];
    private readonly ManualResetEventSlim _isOver = new();
    private DateTime _folderChangedAt;
    private Thread? _thread;

    /// <summary>Watching begins with the first call. Called by one thread.</summary>
    public void Start()
    {
        if (_thread is not null)
            return;
        _thread = new Thread(Run) { IsBackground = true, Name = "perf maps" };
        _thread.Start();
    }

    public bool Has(int pid) => _maps.ContainsKey(pid);

    /// <summary>Null: the times of its lines are not known.</summary>
    /// <param name="inode">Inode of the file that is read: one in a container may have the same name.</param>
    public PerfMapLengths? Find(int pid, ulong inode) => _maps.TryGetValue(pid, out var map) && map.Inode == inode ? map.Lengths : null;

    public void Dispose()
    {
        _isOver.Set();
        _thread?.Join();
        _isOver.Dispose();
    }

    private void Run()
    {
        do
        {
            // Taken before the observation: lines that come in between count as new at the next one.
            var now = Libc.MonotonicNs();
            if (Directory.GetLastWriteTimeUtc(Folder) is var changedAt && changedAt != _folderChangedAt)
            {
                _folderChangedAt = changedAt;
                FindNew();
            }

            foreach (var pid in _running)
                Look(pid, now);
        }
        while (!_isOver.Wait(IntervalMs));
    }

    private void FindNew()
    {
        foreach (var path in Directory.EnumerateFiles(Folder, Prefix + "*" + Suffix))
        {
            if (_running.Count == MaxWatched)
                return;
            if (int.TryParse(Path.GetFileName(path.AsSpan())[Prefix.Length..^Suffix.Length], NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
                && IsRunning(pid) && _running.Add(pid))
            {
                _maps.TryAdd(pid, (Libc.TryGetDeviceAndInode(path)?.Inode ?? 0, new PerfMapLengths()));
            }
        }
    }

    private void Look(int pid, long nowNs)
    {
        var file = new FileInfo(string.Create(CultureInfo.InvariantCulture, $"{Folder}/{Prefix}{pid}{Suffix}"));
        if (file.Exists)
            _maps[pid].Lengths.Note(file.Length, nowNs);
        if (!file.Exists || !IsRunning(pid))
            _running.Remove(pid); // while they are gone through: a set allows that
    }

    private static bool IsRunning(int pid) => Directory.Exists(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}"));
}
