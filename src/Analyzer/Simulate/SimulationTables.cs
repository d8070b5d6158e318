using Faultrec.Analyzer.Tables;

namespace Faultrec.Analyzer.Simulate;

/// <summary>The tables of a simulation; docs/simulate.md lists their columns.</summary>
internal static class SimulationTables
{
    public static ReportTable Scenarios(Simulation simulation)
    {
        var recorded = simulation.Total.Of(Scenario.Recorded);
        var rows = Enum.GetValues<Scenario>().Select(scenario => (Scenario: scenario, Outcome: simulation.Total.Of(scenario))).ToList();
        return new TableBuilder<(Scenario Scenario, Outcome Outcome)>("scenarios", rows)
            .Text("scenario", "scenario", "what would be different", ColumnAudience.Everyone, row => row.Scenario.Name())
            .Integer("faults", "faults", "faults that there would be", CellFormat.Count, ColumnAudience.Everyone, row => row.Outcome.Faults)
            .Integer("difference", "difference", "predicted − recorded faults", CellFormat.Count, ColumnAudience.Wide,
                row => row.Outcome.Faults - recorded.Faults)
            .Real("share", "of recorded", "of the recorded faults", CellFormat.Percent, ColumnAudience.Everyone,
                row => recorded.Faults == 0 ? null : (double)row.Outcome.Faults / recorded.Faults)
            .Integer("time_ns", "time in faults", "time in faults that there would be; null: no prediction", CellFormat.DurationNs, ColumnAudience.Everyone,
                row => row.Outcome.TimeNs)
            .Integer("extra_bytes", "extra memory", "memory filled beyond what was recorded; null: not known", CellFormat.Bytes, ColumnAudience.Everyone,
                row => row.Outcome.ExtraBytes)
            .Build(0);
    }

    /// <param name="top">Rows to keep; 0 keeps all.</param>
    public static ReportTable Regions(Simulation simulation, int top)
    {
        var table = new TableBuilder<SimulatedRegion>("faults by region", simulation.Regions)
            .Region(row => row.Region!.Id, row => row.Region);
        foreach (var scenario in Enum.GetValues<Scenario>())
        {
            var name = scenario.Name();
            table.Integer(name.Replace('-', '_'), name, "faults that there would be", CellFormat.Count, ColumnAudience.Everyone,
                row => row.Of(scenario).Faults);
        }

        return table.Build(top);
    }

    /// <param name="top">Rows to keep; 0 keeps all.</param>
    public static ReportTable Advice(IReadOnlyList<Advice> advice, int top)
    {
        var ofReplays = advice.Any(row => row.MeasuredFaults is not null) ? ColumnAudience.Everyone : ColumnAudience.Machine;
        return new TableBuilder<Advice>("advice", advice)
            .Region(row => row.Row.Region!.Id, row => row.Row.Region)
            .Text("scenario", "what", "what would be different", ColumnAudience.Everyone, row => row.Scenario.Name())
            .Integer("faults_saved", "faults saved", "page faults that would not happen", CellFormat.Count, ColumnAudience.Everyone, row => row.FaultsSaved)
            .Integer("time_saved_ns", "time saved", "time in faults that it would save; null: no prediction", CellFormat.DurationNs, ColumnAudience.Everyone,
                row => row.TimeSavedNs)
            .Integer("extra_bytes", "extra memory", "memory filled beyond what was recorded; null: not known", CellFormat.Bytes, ColumnAudience.Everyone,
                row => row.ExtraBytes)
            .Integer("predicted_faults", "predicted", "faults predicted for the replay", CellFormat.Count, ofReplays, row => row.PredictedFaults)
            .Integer("measured_faults", "measured", "faults that the replay had", CellFormat.Count, ofReplays, row => row.MeasuredFaults)
            .Text("change", "change", "the change to make, as code or as a setting", ColumnAudience.Wide, row => row.Change)
            .Build(top);
    }
}
