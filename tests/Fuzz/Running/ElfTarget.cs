using System.Diagnostics;
using Faultrec.Recorder.Symbols;

namespace Faultrec.Fuzz.Running;

/// <summary>What the recorder and `symbolize` ask of ELF files, through the process that is confined.</summary>
internal sealed class ElfTarget : IDisposable
{
    /// <summary>The process keeps what it has opened.</summary>
    private const int FilesAWorker = 250;

    private const int MostAddresses = 16;

    private readonly string _whole;
    private ElfWorker _worker = new(debugFiles: null);
    private int _files;

    /// <param name="whole">An executable that nobody has altered.</param>
    public ElfTarget(string whole)
    {
        _whole = whole;
        BuildId = _worker.Open(whole, whole, 0).BuildId!;
        var rows = _worker.MakeUnwindTable(whole, whole).Rows;
        Addresses = [.. rows.Where((_, i) => i % (1 + rows.Length / MostAddresses) == 0).Select(row => row.Pc + 1UL)];
    }

    public string BuildId { get; }

    /// <summary>In its code, some of them within main.</summary>
    public IReadOnlyList<ulong> Addresses { get; }

    /// <summary>Of the process that runs now.</summary>
    public TimeSpan CpuTime
    {
        get
        {
            if (_worker.ProcessId is not { } pid)
                return TimeSpan.Zero;
            using var process = Process.GetProcessById(pid);
            return process.TotalProcessorTime;
        }
    }

    /// <exception cref="BadElfException">A question about it was refused, or the process did not survive it.</exception>
    public void Read(string path)
    {
        if (++_files % FilesAWorker == 0)
        {
            _worker.Dispose();
            _worker = new ElfWorker(debugFiles: null);
        }

        var refusals = new List<BadElfException>();
        Try(() => _worker.MakeUnwindTable(path, path), refusals);
        Try(() => NamesOf(path), refusals);
        if (refusals.Find(refusal => refusal is LostElfWorkerException) is { } lost)
        {
            RequireAnswers();
            throw lost;
        }

        if (refusals is [var refusal, ..])
            throw refusal;
    }

    public void Dispose() => _worker.Dispose();

    private static void Try(Action question, List<BadElfException> refusals)
    {
        try
        {
            question();
        }
        catch (BadElfException e)
        {
            refusals.Add(e);
        }
    }

    private List<CodeName> NamesOf(string path)
    {
        var module = _worker.Open(path, path, 0).Module;
        List<CodeName> names = [.. Addresses.SelectMany(address => _worker.Find(module, address).Names)];
        return names.Count >= Addresses.Count ? names : throw new InvalidDataException("an address has no answer");
    }

    // One bad file costs the others nothing.
    private void RequireAnswers()
    {
        if (!NamesOf(_whole).Exists(name => name.Function == "main"))
            throw new InvalidDataException("after a file at which the process ended, main has no name in a file that is whole");
    }
}
