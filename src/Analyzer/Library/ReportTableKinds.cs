namespace Faultrec.Analyzer;

/// <summary>What tables need.</summary>
public static class ReportTableKinds
{
    /// <summary>Its rows are of stacks, which a recording may not have.</summary>
    public static bool NamesCode(this ReportTableKind table)
        => table is ReportTableKind.Stack or ReportTableKind.Function or ReportTableKind.Line or ReportTableKind.Caller or ReportTableKind.Toucher;
}
