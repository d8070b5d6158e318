using System.Text.Json;
using Faultrec.Analyzer.Measures;

namespace Faultrec.Analyzer.Tables;

/// <summary>
/// A question of the report, with everything that is to say about it. Each is a file of this folder and a line of
/// <see cref="ReportTables.All"/>; what shows tables goes by that list and knows none of them by name.
/// </summary>
internal abstract class TableDefinition
{
    /// <summary>As `--by` has it.</summary>
    public required string Name { get; init; }

    /// <summary>Heading over the table; with a <see cref="RowName"/> also the plural of a row.</summary>
    public required string Title { get; init; }

    /// <summary>What it answers, in words; a sentence of docs/report.md and of the help.</summary>
    public required string Question { get; init; }

    /// <summary>A row in one word; null: a row.</summary>
    public string? RowName { get; init; }

    /// <summary>Its array in JSON; "page_table/levels" is a member of an object.</summary>
    public required string JsonKey { get; init; }

    /// <summary>Where JSON has <see cref="Note"/>; null: nowhere.</summary>
    public string? JsonNoteKey { get; init; }

    /// <summary>Other members, before the array.</summary>
    public Action<Utf8JsonWriter, FaultReport>? JsonMembers { get; init; }

    /// <summary>What a scan must count for it, beyond what every report counts (<see cref="FaultReport.Always"/>).</summary>
    public IReadOnlyList<Measure> Needs { get; init; } = [];

    /// <summary>What must be counted when <see cref="Needs"/> are known; null: nothing.</summary>
    public FollowUp? FollowUp { get; init; }

    /// <summary>Its rows are of stacks, which a recording may not have.</summary>
    public bool NeedsStacks => Needs.Contains(StackAggregate.Measure);

    /// <summary>A report of all tables has it; others are for whoever asks.</summary>
    public bool IsInReport { get; init; } = true;

    /// <summary>
    /// In a report of all tables: it says what others do not. The second argument: there is room (Markdown), so that a table which only
    /// repeats less well may stand.
    /// </summary>
    public Func<FaultReport, bool, bool> IsWorthShowing { get; init; } = static (_, _) => true;

    /// <summary>Text and Markdown show it below, when this table alone was asked for.</summary>
    public TableDefinition? Companion { get; init; }

    /// <summary>The table, and its companion where it has one.</summary>
    public IReadOnlyList<TableDefinition> WithCompanion => Companion is null ? [this] : [this, Companion];

    /// <summary>What must be said under the table; null: nothing.</summary>
    public Func<FaultReport, string?> Note { get; init; } = static _ => null;

    /// <summary>Why a table that was asked for has no rows, where that is an answer; null: it is none.</summary>
    public Func<FaultReport, string?> WhyEmpty { get; init; } = static _ => null;

    /// <param name="top">Rows to keep; 0 keeps all.</param>
    public abstract ReportTable Build(FaultReport report, int top);

    /// <summary>The same among all tables, where some show fewer rows.</summary>
    public abstract ReportTable BuildAmongOthers(FaultReport report, int top);

    /// <summary>Makes the rows while what they are made of is still there.</summary>
    public abstract void MakeRows(FaultReport report);

    /// <summary>Writes the array under its own key.</summary>
    public abstract void WriteJson(Utf8JsonWriter json, string key, FaultReport report, int top);
}

/// <inheritdoc/>
internal sealed class TableDefinition<TRow> : TableDefinition
{
    public required Func<FaultReport, IReadOnlyList<TRow>> Rows { get; init; }

    public required Action<TableBuilder<TRow>, FaultReport> Columns { get; init; }

    /// <summary>Of the rows and N of `--top N`, how many to keep, 0: all.</summary>
    public Func<IReadOnlyList<TRow>, int, int> Keep { get; init; } = static (_, top) => top;

    /// <summary>The same in a report of all tables; null: no other.</summary>
    public Func<IReadOnlyList<TRow>, int, int>? KeepAmongOthers { get; init; }

    /// <summary>Where JSON has other rows than the table; null: it has these.</summary>
    public Action<Utf8JsonWriter, string, FaultReport, int>? Json { get; init; }

    public override ReportTable Build(FaultReport report, int top) => Build(report, top, Keep);

    public override ReportTable BuildAmongOthers(FaultReport report, int top) => Build(report, top, KeepAmongOthers ?? Keep);

    public override void MakeRows(FaultReport report) => report.Rows(this);

    public override void WriteJson(Utf8JsonWriter json, string key, FaultReport report, int top)
    {
        if (Json is not null)
            Json(json, key, report, top);
        else
            json.WriteTable(key, Build(report, top));
    }

    private ReportTable Build(FaultReport report, int top, Func<IReadOnlyList<TRow>, int, int> keep)
    {
        var rows = report.Rows(this);
        var builder = new TableBuilder<TRow>(Title, rows);
        Columns(builder, report);
        return builder.Build(keep(rows, top), RowName);
    }
}
