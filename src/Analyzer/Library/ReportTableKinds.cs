using Faultrec.Analyzer.Report;

namespace Faultrec.Analyzer.Library;

/// <summary>What tables need.</summary>
public static class ReportTableKinds
{
    /// <summary>Its rows are of stacks, which a recording may not have.</summary>
    public static bool NamesCode(this ReportTableKind table)
        => table is ReportTableKind.Stack or ReportTableKind.Function or ReportTableKind.Line or ReportTableKind.Caller or ReportTableKind.Toucher;

    /// <summary>What must be counted for it.</summary>
    public static ReportParts Parts(this ReportTableKind table) => table switch
    {
        ReportTableKind.Process or ReportTableKind.Thread or ReportTableKind.Comm or ReportTableKind.Worst => ReportParts.Tasks,
        ReportTableKind.Time or ReportTableKind.FirstTouch => ReportParts.Time,
        ReportTableKind.Heat => ReportParts.Heat,
        ReportTableKind.Hot => ReportParts.Hot,
        ReportTableKind.Locality => ReportParts.Locality,
        ReportTableKind.Storm => ReportParts.Storms,
        ReportTableKind.PageTable or ReportTableKind.Physical => ReportParts.Memory,
        _ when table.NamesCode() => ReportParts.Stacks,
        _ => ReportParts.None,
    };
}
