using System.Collections.Concurrent;
using System.Text.Json;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Perf;
using Faultrec.Recorder.Spool;
using Faultrec.Recorder.Symbols;
using Faultrec.Traces.Ledger;

namespace Faultrec.Recorder.Probes;

/// <summary>
/// Watches the side-band on its way to the sink and keeps the unwind tables up to date: on a thread of its own, because a large
/// program's tables take longer to make than a ring of faults takes to fill.
/// </summary>
internal sealed class CodeWatch : IDisposable
{
    private static readonly string[] LibraryFolders =
        ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/usr/local/lib", "/lib", "/usr/lib"];

    /// <summary>The tables of a file above this size are made when no other file is waiting: libraries, which all programs share, come first.</summary>
    private const long LargeBytes = 4 << 20;

    private readonly CodeTables _tables;
    private readonly BlockingCollection<object> _changes = [];

    // The smallest first.
    private readonly PriorityQueue<(int Pid, ulong Start, ulong End, ulong FileOffset, MappingIdentity Identity), long> _large = new();
    private readonly SidebandParser _parser = new();
    private readonly Thread _thread;
    private string? _failure;

    public CodeWatch(CodeTables tables)
    {
        _tables = tables;
        _thread = new Thread(RunGuarded) { IsBackground = true, Name = "unwind tables" };
    }

    /// <summary>Complete only after <see cref="Dispose"/>, or when nothing runs any more.</summary>
    public IReadOnlyList<string> Warnings
    {
        get
        {
            Finish();
            return _failure is null ? _tables.Warnings : [.. _tables.Warnings, _failure];
        }
    }

    /// <summary>Makes the tables of a program, its interpreter and the libraries it needs, before it runs.</summary>
    public void Prepare(IEnumerable<string> programs)
    {
        var seen = new HashSet<string>();
        _tables.PrepareVdso();
        foreach (var program in programs)
            PrepareFile(program, seen);
    }

    public IRecordSink Before(IRecordSink sink) => new Tee(this, sink);

    public void WaitForTables()
    {
        if (!_thread.IsAlive)
            return;
        using var done = new ManualResetEventSlim();
        _changes.Add(done);
        done.Wait();
    }

    public void Dispose()
    {
        Finish();
        _tables.Dispose();
        _changes.Dispose();
    }

    private void Finish()
    {
        _changes.CompleteAdding();
        if (_thread.IsAlive)
            _thread.Join();
    }

    // An exception on this thread would end the process, and with it the recording.
    private void RunGuarded()
    {
        try
        {
            Run();
        }
        catch (Exception e)
        {
            _failure = $"unwind tables: no more were made ({e.Message})";
            foreach (var marker in _changes.GetConsumingEnumerable().OfType<ManualResetEventSlim>())
                marker.Set();
        }
    }

    private void Run()
    {
        while (true)
        {
            if (_changes.TryTake(out var change, _large.Count > 0 ? 0 : Timeout.Infinite))
                Follow(change);
            else if (_large.Count > 0)
                AddSmallestOfLarge();
            else
                return;
        }
    }

    private void Follow(object change)
    {
        switch (change)
        {
            case MapEvent map:
                Add(map.Pid, map.Start, map.End, map.FileOffset, map.Identity);
                break;
            case ManualResetEventSlim marker:
                while (_large.Count > 0)
                    AddSmallestOfLarge();
                marker.Set();
                break;
            case SnapshotEvent { Snapshot: var snapshot }:
                _tables.Found(snapshot.Pid);
                foreach (var map in MapsText.Parse(snapshot.Maps).Where(map => IsCode(map.Identity)))
                    Add(snapshot.Pid, map.Start, map.End, map.FileOffset, map.Identity);
                break;
        }
    }

    private void Add(int pid, ulong start, ulong end, ulong fileOffset, MappingIdentity identity)
    {
        if (_tables.BytesToRead(pid, start, end, identity) is > LargeBytes and var bytes)
            _large.Enqueue((pid, start, end, fileOffset, identity), bytes);
        else
            _tables.Mapped(pid, start, end, fileOffset, identity);
    }

    private void AddSmallestOfLarge()
    {
        var map = _large.Dequeue();
        _tables.Mapped(map.Pid, map.Start, map.End, map.FileOffset, map.Identity);
    }

    private void Look(SpoolRecordType type, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> rest)
    {
        if (type is not (SpoolRecordType.Sideband or SpoolRecordType.Maps) || _changes.IsAddingCompleted)
            return;
        if (!_thread.IsAlive)
            _thread.Start();
        byte[] bytes = [.. payload, .. rest];
        if (type == SpoolRecordType.Maps)
        {
            _changes.Add(new SnapshotEvent(JsonSerializer.Deserialize(bytes, SpoolJson.Default.MapsSnapshot)!));
            return;
        }

        foreach (var change in _parser.Parse(bytes))
        {
            if (change is MapEvent map && IsCode(map.Identity))
                _changes.Add(change);
        }
    }

    private static bool IsCode(MappingIdentity identity) => identity.Prot[2] == 'x' && (identity.Path is not null || identity.Name == ElfWorker.Vdso);

    private void PrepareFile(string path, HashSet<string> seen)
    {
        if (!seen.Add(path))
            return;
        _tables.Prepare(path);
        foreach (var library in _tables.NeededBy(path))
        {
            if (LibraryFolders.Select(folder => Path.Combine(folder, library)).FirstOrDefault(File.Exists) is { } file)
                PrepareFile(file, seen);
        }
    }

    private sealed class Tee(CodeWatch watch, IRecordSink sink) : IRecordSink
    {
        public void Append(SpoolRecordType type, int cpu, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> rest = default)
        {
            sink.Append(type, cpu, payload, rest);
            watch.Look(type, payload, rest);
        }

        public string? EndPass(long nowNs) => sink.EndPass(nowNs);
    }
}
