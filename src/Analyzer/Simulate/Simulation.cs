using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Residency;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Traces;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Simulate;

/// <param name="Region">Null: the sum of all.</param>
/// <param name="Outcomes">By <see cref="Scenario"/>.</param>
internal sealed record SimulatedRegion(Region? Region, IReadOnlyList<Outcome> Outcomes)
{
    public Outcome Of(Scenario scenario) => Outcomes[(int)scenario];
}

/// <summary>
/// What a recording's faults would have been under each <see cref="Scenario"/>, from the recording alone. A recording holds first touches and
/// misses, never hits, so effects that depend on how often memory was used are not estimated.
/// </summary>
internal sealed record Simulation
{
    // Clearing 2 MiB at 10 GB/s, and its fault.
    private const long AssumedHugeFaultNs = 210_000;

    private const FaultColumns Columns = FaultColumns.RegionId | FaultColumns.Address | FaultColumns.DurationNs | FaultColumns.PageOrder;

    public required string Path { get; init; }

    public required TraceMetadata Metadata { get; init; }

    public required FaultFilter Filter { get; init; }

    public required SimulatedRegion Total { get; init; }

    /// <summary>With most recorded faults first.</summary>
    public required IReadOnlyList<SimulatedRegion> Regions { get; init; }

    /// <summary>The assumed cost of a huge page's fault.</summary>
    public required long HugeFaultNs { get; init; }

    /// <summary>The number of recorded huge faults of which it is the median; 0: an assumption.</summary>
    public required long HugeFaultsSeen { get; init; }

    /// <summary>Faults that stay as they are in all scenarios: failed, or of no known mapping.</summary>
    public required long Unmapped { get; init; }

    /// <exception cref="FaultrecException">The trace is damaged, or a sample.</exception>
    public static Simulation Run(TraceReader reader, FaultFilter filter)
    {
        var metadata = reader.Metadata;
        if (metadata.Sampling is not null)
        {
            throw new FaultrecException(ExitCode.BadInput,
                $"{Escape.Visible(reader.Path)}: is a sample of the faults; expected a recording of all, since which faults would fall together is asked; "
                + "record without --every and --max-rate");
        }

        var pages = metadata.Pages;
        var hugeFaults = new LatencyHistogram();
        var index = new RegionIndex(metadata.Regions);
        var copies = new ForkCopies(metadata);
        var models = new RegionSimulation?[index.IdLimit];
        long unmapped = 0, unmappedNs = 0;
        var access = new AccessReader(metadata.Backend);
        // Whose pages are resident depends on every fault.
        var account = filter.IsEmpty && metadata.Releases is not null
            ? new MemoryAccount(metadata, index, TimeAxis.Whole(metadata, reader.RowGroups, filter))
            : null;
        TraceScan.RunInOrder(reader, filter, Columns | access.Columns | (account?.Columns ?? FaultColumns.None), (batch, classifier) =>
        {
            account?.AddInOrder(batch);
            var verdicts = classifier.Verdicts;
            for (var i = 0; i < batch.Count; i++)
            {
                var kind = verdicts.Kinds[i];
                var region = index.Find(batch.RegionId[i]);
                // Those of files and shared memory clear nothing, or find what is there.
                if (kind == FaultKind.Huge && batch.PageOrder[i] == pages.HugeOrder && batch.DurationNs[i] >= 0
                    && region is not null && MappingFacts.Of(region).IsAnonymousPrivate)
                {
                    hugeFaults.Add(batch.DurationNs[i]);
                }

                if (verdicts.Severities[i] == Severity.Failed || region is null)
                {
                    unmapped++;
                    unmappedNs += Math.Max(batch.DurationNs[i], 0);
                    continue;
                }

                var model = models[batch.RegionId[i]] ??= new RegionSimulation(region, pages, copies.Has(region));
                model.Add(new SimulatedFault(pages.PageOf((ulong)batch.Address[i]), batch.DurationNs[i], kind, FindsNothing(kind),
                    access.Of(batch, i) == FaultAccess.Write));
            }
        });
        var hugeNs = hugeFaults.Percentile(0.5) ?? AssumedHugeFaultNs;
        var hasDurations = metadata.Backend.HasDurations;
        var regions = models
            .Select((model, id) => model is null
                ? null
                : new SimulatedRegion(index.Find(id), [.. Enum.GetValues<Scenario>().Select(scenario => model.Of(scenario, hasDurations ? hugeNs : null))]))
            .OfType<SimulatedRegion>().OrderByDescending(row => row.Of(Scenario.Recorded).Faults).ToList();
        account?.Finish();
        var rest = new Outcome(unmapped, hasDurations ? unmappedNs : null, 0);
        return new Simulation
        {
            Path = reader.Path,
            Metadata = metadata,
            Filter = filter,
            Regions = regions,
            Total = new SimulatedRegion(null, [.. Enum.GetValues<Scenario>().Select(TotalOf)]),
            HugeFaultNs = hugeNs,
            HugeFaultsSeen = hugeFaults.Count,
            Unmapped = unmapped,
        };

        Outcome TotalOf(Scenario scenario)
        {
            var total = regions.Aggregate(rest, (sum, row) => sum + row.Of(scenario));
            return scenario == Scenario.Keep ? total with { ExtraBytes = (account?.PeakIfKept - account?.Peak) * metadata.PageSize } : total;
        }
    }

    // Without page-table facts kinds are unknown: most faults of most programs are first touches.
    private static bool FindsNothing(FaultKind kind)
        => kind is FaultKind.AnonWrite or FaultKind.StackGrowth or FaultKind.ZeroRead or FaultKind.KernelAccess or FaultKind.HugeFallback or FaultKind.Mthp
        or FaultKind.MthpFallback
        or FaultKind.Shmem or FaultKind.FileCache or FaultKind.FileDisk or FaultKind.Unknown;
}
