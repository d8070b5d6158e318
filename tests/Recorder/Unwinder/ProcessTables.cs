using System.Collections.Concurrent;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Symbols;
using Xunit;

namespace Faultrec.Recorder.Tests.Unwinder;

/// <summary>What user space would tell the probes of the code that a process has mapped, by the rows that it makes of the files.</summary>
internal sealed class ProcessTables
{
    // The walker's cache of rows lasts from process to process, as the probes' does, and tells them apart by this.
    private static uint _uses;

    // Libraries are the same for all programs.
    private static readonly ConcurrentDictionary<string, (UnwindRow[] Rows, ulong Offset, PythonRuntime? Python)> Made = [];

    public CodeMaps Maps;
    public PythonLayout Python;

    private readonly Dictionary<ulong, string> _names; // files, by their mapping's bias

    private ProcessTables(UnwindRow[] rows, Dictionary<ulong, string> names) => (Rows, _names) = (rows, names);

    public UnwindRow[] Rows { get; }

    /// <param name="withRows">Of which of the mapped files rows are made.</param>
    public static ProcessTables Of(int pid, Func<string, bool>? withRows = null)
    {
        Assert.Null(Libdw.Reason); // asking also prepares libelf
        var (rows, names) = (new List<UnwindRow>(), new Dictionary<ulong, string>());
        var (maps, python) = (new CodeMaps { Uses = ++_uses }, default(PythonLayout));
        foreach (var line in MapsText.Parse(File.ReadAllText($"/proc/{pid}/maps")))
        {
            var name = line.Identity.Path ?? (line.Identity.Name == ElfWorker.Vdso ? ElfWorker.Vdso : null);
            if (line.Identity.Prot[2] != 'x' || name is null || withRows?.Invoke(name) == false)
                continue;
            var (made, offset, runtime) = Made.GetOrAdd(name, Make);
            var bias = line.Start - line.FileOffset + offset; // as CodeTables.Mapped
            maps.Mappings[(int)maps.Count++] = new CodeMapping
            {
                Start = line.Start,
                End = line.End,
                Bias = bias,
                FirstRow = (uint)rows.Count,
                RowCount = (uint)made.Length,
            };
            rows.AddRange(made);
            names[bias] = name;
            if (runtime is not null)
                (maps.Python, maps.PythonRuntime, python) = (1, bias + runtime.Address, runtime.Layout);
        }

        return new ProcessTables([.. rows], names) { Maps = maps, Python = python };
    }

    /// <summary>The row by which the frame at this address is left.</summary>
    public ref UnwindRow RowOf(ulong ip)
    {
        var mapping = MappingOf(ip) ?? throw new ArgumentException($"{ip:x} is in no code that has rows", nameof(ip));
        var row = (int)(mapping.FirstRow + mapping.RowCount);
        while (Rows[--row].Pc > ip - mapping.Bias)
        {
        }

        return ref Rows[row];
    }

    public string? FunctionAt(ulong ip)
    {
        if (MappingOf(ip) is not { } mapping || _names[mapping.Bias] is ElfWorker.Vdso)
            return null;
        using var symbols = new ModuleSymbols(ElfFile.Open(File.OpenHandle(_names[mapping.Bias])), _names[mapping.Bias]);
        return symbols.Find(ip - mapping.Bias).Names[^1].Function;
    }

    /// <summary>For people: the file's name and the address in it.</summary>
    public string Place(ulong ip) => MappingOf(ip) is { } mapping ? $"{Path.GetFileName(_names[mapping.Bias])}+{ip - mapping.Bias:x}" : $"{ip:x}";

    /// <summary>The walker must not find what it looked up before.</summary>
    public void ForgetCache() => Maps.Uses = ++_uses;

    private static (UnwindRow[] Rows, ulong Offset, PythonRuntime? Python) Make(string name)
    {
        using var elf = ElfFile.Open(name == ElfWorker.Vdso ? ElfInput.OpenVdso().File : File.OpenHandle(name));
        var code = elf.Code!.Value;
        return ([.. UnwindTable.Make(elf)], code.Offset - code.Address, PythonRuntime.Find(elf, name));
    }

    private CodeMapping? MappingOf(ulong ip)
    {
        for (var i = 0; i < Maps.Count; i++)
        {
            if (ip >= Maps.Mappings[i].Start && ip < Maps.Mappings[i].End)
                return Maps.Mappings[i];
        }

        return null;
    }
}
