using System.Text.Json;
using Faultrec.Analyzer.Measures;

namespace Faultrec.Analyzer.Tables;

/// <summary>
/// Everything about one table of the report. Each table is a file of this folder and a line of
/// <see cref="ReportTables.All"/>; the renderers use that list and know no table by name.
/// </summary>
internal abstract class TableDefinition
{
    /// <summary>Its name for `--by`.</summary>
    public required string Name { get; init; }

    /// <summary>Heading over the table; with a <see cref="RowName"/> also the plural of a row.</summary>
    public required string Title { get; init; }

    /// <summary>The question that it answers, as in docs/report.md and in the help.</summary>
    public required string Question { get; init; }

    /// <summary>What a row is called, in one word; null: "row".</summary>
    public string? RowName { get; init; }

    /// <summary>Its array in JSON; "page_table/levels" is a member of an object.</summary>
    public required string JsonKey { get; init; }

    /// <summary>The JSON key of <see cref="Note"/>; null: none.</summary>
    public string? JsonNoteKey { get; init; }

    /// <summary>Other members, before the array.</summary>
    public Action<Utf8JsonWriter, FaultReport>? JsonMembers { get; init; }

    /// <summary>What a scan must count for it, beyond what every report counts (<see cref="FaultReport.Always"/>).</summary>
    public IReadOnlyList<Measure> Needs { get; init; } = [];

    /// <summary>What must be counted when <see cref="Needs"/> are known; null: nothing.</summary>
    public FollowUp? FollowUp { get; init; }

    /// <summary>Its rows need stacks, which a recording may not have.</summary>
    public bool NeedsStacks => Needs.Contains(StackAggregate.Measure);

    /// <summary>Whether a report of all tables includes it; otherwise it is shown only on request.</summary>
    public bool IsInReport { get; init; } = true;

    /// <summary>
    /// Whether a report of all tables shows it, because it says something that the others do not. The second argument: there is room
    /// (Markdown), so a table that mostly repeats another may be shown, too.
    /// </summary>
    public Func<FaultReport, bool, bool> IsWorthShowing { get; init; } = static (_, _) => true;

    /// <summary>A table that text and Markdown show below this one if only this one was requested.</summary>
    public TableDefinition? Companion { get; init; }

    /// <summary>The table, and its companion if it has one.</summary>
    public IReadOnlyList<TableDefinition> WithCompanion => Companion is null ? [this] : [this, Companion];

    /// <summary>What must be said under the table; null: nothing.</summary>
    public Func<FaultReport, string?> Note { get; init; } = static _ => null;

    /// <summary>Why a requested table has no rows; null: there is no more to say than that.</summary>
    public Func<FaultReport, string?> WhyEmpty { get; init; } = static _ => null;

    /// <summary>What stands in the place of a requested table without rows. Raw text with reasons from the trace in it.</summary>
    public string EmptySentence(FaultReport report) => WhyEmpty(report) ?? $"{Title}: none in these faults";

    /// <param name="top">Rows to keep; 0 keeps all.</param>
    public abstract ReportTable Build(FaultReport report, int top);

    /// <summary>The same for people, for whom some rows are one.</summary>
    public abstract ReportTable BuildForPeople(FaultReport report, int top);

    /// <summary>The same within a report of all tables for people, where some tables show fewer rows.</summary>
    public abstract ReportTable BuildAmongOthers(FaultReport report, int top);

    /// <summary>Makes the rows while the counts they need still exist.</summary>
    public abstract void MakeRows(FaultReport report);

    /// <summary>Writes the array under its own key.</summary>
    public abstract void WriteJson(Utf8JsonWriter json, string key, FaultReport report, int top);
}

/// <inheritdoc/>
internal sealed class TableDefinition<TRow> : TableDefinition
{
    public required Func<FaultReport, IReadOnlyList<TRow>> Rows { get; init; }

    public required Action<TableBuilder<TRow>, FaultReport> Columns { get; init; }

    /// <summary>The rows for people: those that say the same to them are one.</summary>
    public Func<FaultReport, IReadOnlyList<TRow>, IReadOnlyList<TRow>> Folded { get; init; } = static (_, rows) => rows;

    /// <summary>Given the rows and N of `--top N`, how many to keep; 0: all.</summary>
    public Func<IReadOnlyList<TRow>, int, int> Keep { get; init; } = static (_, top) => top;

    /// <summary>The same in a report of all tables; null: no other.</summary>
    public Func<IReadOnlyList<TRow>, int, int>? KeepAmongOthers { get; init; }

    /// <summary>The rows for JSON, if they differ from the table's; null: the same.</summary>
    public Action<Utf8JsonWriter, string, FaultReport, int>? Json { get; init; }

    public override ReportTable Build(FaultReport report, int top) => Build(report, report.Rows(this), top, Keep);

    public override ReportTable BuildForPeople(FaultReport report, int top) => Build(report, Folded(report, report.Rows(this)), top, Keep);

    public override ReportTable BuildAmongOthers(FaultReport report, int top)
        => Build(report, Folded(report, report.Rows(this)), top, KeepAmongOthers ?? Keep);

    public override void MakeRows(FaultReport report) => report.Rows(this);

    public override void WriteJson(Utf8JsonWriter json, string key, FaultReport report, int top)
    {
        if (Json is not null)
            Json(json, key, report, top);
        else
            json.WriteTable(key, Build(report, top));
    }

    private ReportTable Build(FaultReport report, IReadOnlyList<TRow> rows, int top, Func<IReadOnlyList<TRow>, int, int> keep)
    {
        var builder = new TableBuilder<TRow>(Title, rows);
        Columns(builder, report);
        return builder.Build(keep(rows, top), RowName);
    }
}
