using System.Text;
using System.Text.Json;
using Faultrec.Analyzer.Budgets;
using Faultrec.Analyzer.Dump;
using Faultrec.Analyzer.Export;
using Faultrec.Analyzer.Import;
using Faultrec.Analyzer.Info;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Render;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Screen;
using Faultrec.Analyzer.Simulate;
using Faultrec.Analyzer.Tables;
using Faultrec.Fuzz.Inputs;
using Faultrec.Recorder;
using Faultrec.Recorder.Symbols;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Output;
using Faultrec.Traces.Plans;

namespace Faultrec.Fuzz.Running;

/// <summary>Originals that inputs are made of, by kind, and what reads each.</summary>
internal sealed class Targets(string folder) : IDisposable
{
    /// <summary>Columns are read one by one in as many batches as a file claims rows: more than a test needs.</summary>
    private const long MostRowsToReport = 4_000_000;

    private readonly Dictionary<string, IReadOnlyList<byte[]>> _originals = [];
    private ElfTarget? _elf;

    static Targets() => ServiceProcess.Command = [Testing.Checkout.Faultrec];

    public static IReadOnlyList<string> Kinds { get; } = ["trace", "spool", "plan", "perf", "systing", "budgets", "elf"];

    /// <summary>One that is as it was made; its frames have no names but those that a file of kind elf has.</summary>
    public string WholeTrace
    {
        get
        {
            var path = Path.Combine(folder, "whole.parquet");
            if (!File.Exists(path))
                File.WriteAllBytes(path, Originals.RichTrace(Originals.WithoutNames(Elf.BuildId, Elf.Addresses)));
            return path;
        }
    }

    public string DebugFolder => Path.Combine(folder, "debug");

    /// <summary>Ours and of what we started, so far.</summary>
    public TimeSpan CpuTime => Environment.CpuUsage.TotalTime + Children.Usage().Cpu + (_elf?.CpuTime ?? TimeSpan.Zero);

    private ElfTarget Elf => _elf ??= new ElfTarget(Testing.Checkout.Fixture("callchain"));

    public string FileOf(string kind) => Path.Combine(folder, kind switch
    {
        "trace" => "input.parquet",
        "spool" => "input.parquet.spool",
        "systing" => SystingImport.FileName,
        "elf" => DebugFiles.PathOf(DebugFolder, Elf.BuildId),
        _ => $"input.{kind}",
    });

    /// <summary>The input of that number, written where <see cref="FileOf"/> says.</summary>
    public byte[] Make(string kind, Dice dice)
    {
        if (!_originals.TryGetValue(kind, out var originals))
            _originals[kind] = originals = OriginalsOf(kind);
        var original = dice.Of(originals);
        var input = kind switch
        {
            "trace" or "systing" => TraceMutation.Mutate(original, dice),
            "spool" => SpoolMutation.Mutate(original, dice),
            "elf" => ElfMutation.Mutate(original, dice),
            _ => TextMutation.Mutate(original, dice),
        };
        Directory.CreateDirectory(Path.GetDirectoryName(FileOf(kind))!);
        File.WriteAllBytes(FileOf(kind), input);
        return input;
    }

    /// <summary>Everything that reads such a file in this process.</summary>
    /// <exception cref="FaultrecException">It was refused.</exception>
    public void Read(string kind, Dice dice)
    {
        var output = Path.Combine(folder, "output.parquet");
        switch (kind)
        {
            case "trace":
                ReadTrace(FileOf(kind), dice);
                break;
            case "spool":
                Recording.Recover(FileOf(kind), output, ExistingOutput.Overwrite, noCache: true, onNotice: null, onFinalizing: null);
                ReadMade(output);
                break;
            case "plan":
                PrefaultPlanReader.Read(FileOf(kind));
                break;
            case "budgets":
                using (var text = new StreamReader(FileOf(kind)))
                    BudgetText.ParseFile("budgets", text);
                break;
            case "elf":
                Elf.Read(FileOf(kind));
                break;
            case "perf":
                using (var to = File.Create(output))
                    PerfScriptImport.Run(new StreamReader(FileOf(kind), new UTF8Encoding(false)), "perf", "0.1.0", to);
                ReadMade(output);
                break;
            default:
                using (var to = File.Create(output))
                    SystingImport.Run(FileOf(kind), "0.1.0", to);
                ReadMade(output);
                break;
        }
    }

    public void Dispose() => _elf?.Dispose();

    // What we make ourselves of whatever input is never refused.
    private static void ReadMade(string path)
    {
        try
        {
            ReadTrace(path, new Dice(0, 0));
        }
        catch (FaultrecException e)
        {
            throw new InvalidDataException($"made a trace that is refused: {e.Message}", e);
        }
    }

    private static void ReadTrace(string path, Dice dice)
    {
        using var reader = TraceReader.Open(path);
        InfoText.Write(TextWriter.Null, new TraceInfo(path, 1, reader.RowCount, reader.RowGroups, reader.Metadata), default);
        if (reader.RowCount > MostRowsToReport)
            return;
        switch (dice.Below(6))
        {
            case 0:
                for (var group = 0; group < reader.RowGroups.Count; group++)
                    reader.ReadRowGroup(group, FaultColumns.All, new FaultBatch(reader.RowGroups[group].Rows));
                break;
            case 1:
                TraceDump.Write(reader, FaultFilter.None, dice.OneIn(2), Stream.Null);
                break;
            case 2:
                var simulation = Simulation.Run(reader, FaultFilter.None);
                SimulationReport.WriteText(TextWriter.Null, simulation, Advice.Of(simulation), 0, default);
                break;
            case 3:
                TraceExport.Write(reader, FaultFilter.None, dice.Of(Enum.GetValues<ExportFormat>()), ExportWeight.Faults, Stream.Null);
                break;
            default:
                var report = ReportBuilder.Build(reader, FaultFilter.None, ReportTables.All, FirstScreen.Measures) with { Path = path };
                ScreenReport.Write(TextWriter.Null, report, ScreenReport.PipeWidth, default);
                TextReport.Write(TextWriter.Null, report, null, 0, default);
                using (var json = new Utf8JsonWriter(Stream.Null))
                    JsonReport.Write(json, report, 0);
                break;
        }
    }

    private IReadOnlyList<byte[]> OriginalsOf(string kind) => kind switch
    {
        "trace"
            => [.. Directory.GetFiles(Originals.RecordedTraces, "*.parquet").Order(StringComparer.Ordinal).Select(File.ReadAllBytes), Originals.RichTrace()],
        "spool" => [.. Enumerable.Range(0, 20).Select(i => SpoolCorpus.Make(Path.Combine(folder, "original.spool"), withStacks: i == 0))],
        "plan" => [Encoding.UTF8.GetBytes(Originals.Plan)],
        "budgets" => [Encoding.UTF8.GetBytes(Originals.Budgets)],
        "elf" => Originals.Elf(Testing.Checkout.Fixture("callchain"), folder),
        "perf" => [Encoding.UTF8.GetBytes(Originals.PerfScript)],
        _ => [Originals.Systing(folder)],
    };
}
