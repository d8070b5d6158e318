using System.Globalization;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;

namespace Faultrec.Analyzer.Export;

/// <summary>A trace as the file of another tool.</summary>
internal static class TraceExport
{
    /// <summary>Samples of a Firefox profile: 24 bytes each here, and about as many as the viewer accepts.</summary>
    private const int MostSamples = 1_000_000;

    /// <exception cref="FaultrecException">
    /// The trace has no stacks, and the format is made of them; or it lacks what <paramref name="weight"/> asks for.
    /// </exception>
    /// <returns>What the file leaves out or joins, in words; null: nothing.</returns>
    public static string? Write(TraceReader reader, FaultFilter filter, ExportFormat format, ExportWeight weight, Stream output)
    {
        if (format != ExportFormat.PrefaultPlan)
            StackText.Require(reader.Path, reader.Metadata);
        if (weight == ExportWeight.Major && !reader.Metadata.KnowsMajor)
        {
            throw new FaultrecException(ExitCode.BadInput,
                $"{Escape.Visible(reader.Path)}: does not say which faults were major; "
                + "expected a recording that does for --weight major; use --weight faults");
        }

        return format switch
        {
            ExportFormat.Perfetto => WritePerfetto(reader, filter, weight, output),
            ExportFormat.PrefaultPlan => PrefaultExport.Write(reader, filter, output),
            ExportFormat.Firefox => WriteFirefox(reader, filter, weight, output, MostSamples),
            _ => WriteSums(reader, filter, format, weight, output),
        };
    }

    internal static string? WriteFirefox(TraceReader reader, FaultFilter filter, ExportWeight weight, Stream output, int mostSamples)
    {
        var metadata = reader.Metadata;
        var timeline = new Timeline(metadata.Stacks!.NodeFrames.Count, metadata.DurationNs, mostSamples);
        const FaultColumns columns = FaultColumns.TimeNs | FaultColumns.Pid | FaultColumns.Tid | FaultColumns.Comm | FaultColumns.StackId;
        TraceScan.RunInOrder(reader, filter, columns | ExportWeights.Columns(weight), (batch, classifier) =>
        {
            for (var row = 0; row < batch.Count; row++)
            {
                if (ExportWeights.Of(weight, batch, row, classifier.Verdicts.Severities[row]) is > 0 and var added)
                    timeline.Add(batch, row, added);
            }
        });
        timeline.Complete();
        FirefoxExport.Write(output, metadata, timeline, MemoryCurve.Of(metadata, filter), weight);
        return timeline.StepNs == 0 ? null : string.Create(
            CultureInfo.InvariantCulture,
            $"{Units.Of(timeline.Faults, "fault")} are {Units.Of(timeline.Samples, "sample")}: "
            + $"those of one thread and stack within {Units.Duration(timeline.StepNs)} are joined and their weights added");
    }

    private static string? WritePerfetto(TraceReader reader, FaultFilter filter, ExportWeight weight, Stream output)
    {
        using var export = new PerfettoExport(output, reader.Metadata);
        export.Begin(weight, MemoryCurve.Of(reader.Metadata, filter));
        const FaultColumns columns = FaultColumns.TimeNs | FaultColumns.Pid | FaultColumns.Tid | FaultColumns.Cpu | FaultColumns.KernelAccess
            | FaultColumns.StackId;
        TraceScan.RunInOrder(reader, filter, columns | ExportWeights.Columns(weight), (batch, classifier) =>
        {
            for (var row = 0; row < batch.Count; row++)
            {
                if (ExportWeights.Of(weight, batch, row, classifier.Verdicts.Severities[row]) is > 0 and var added)
                    export.Add(batch, row, added);
            }
        });
        export.End();
        return SampleRule.IsSample(reader.Metadata)
            ? "Perfetto samples have no weight: the recording is sampled, so its flame graph counts recorded faults only"
            : null;
    }

    private static string? WriteSums(TraceReader reader, FaultFilter filter, ExportFormat format, ExportWeight weight, Stream output)
    {
        var table = reader.Metadata.Stacks!;
        var tree = new FunctionTree(table, new FrameNames(table), byNameOnly: format == ExportFormat.Folded);
        var weights = TraceScan.Run(reader, filter, () => new TaskStackAggregate(tree, weight));
        if (format == ExportFormat.Folded)
            FoldedExport.Write(output, tree, weights);
        else
            SpeedscopeExport.Write(output, reader.Metadata, RecordingText.Target(reader.Metadata), tree, weights, weight);
        return null;
    }
}
