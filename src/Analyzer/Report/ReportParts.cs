namespace Faultrec.Analyzer.Report;

/// <summary>What of a report is counted only when it is asked for; what is not named here every report has.</summary>
[Flags]
public enum ReportParts
{
    None = 0,

    /// <summary>Processes, threads, thread names and the worst faults: names are the dearest column to read.</summary>
    Tasks = 1 << 0,

    /// <summary>The tables that name code, where the trace has stacks.</summary>
    Stacks = 1 << 1,

    /// <summary>The line of faults over time under the totals.</summary>
    Activity = 1 << 2,

    /// <summary>The time line, and when each region's pages were first touched.</summary>
    Time = 1 << 3,

    /// <summary>Heat maps of address and time.</summary>
    Heat = 1 << 4,

    /// <summary>Hot ranges.</summary>
    Hot = 1 << 5,

    /// <summary>Runs, strides, refault distances and sharing between threads, where the trace is no sample.</summary>
    Locality = 1 << 6,

    /// <summary>Storms, and who was in them: a second scan when there are any.</summary>
    Storms = 1 << 7,

    /// <summary>Page tables and physical memory, where the trace has page-table facts.</summary>
    Memory = 1 << 8,
    All = Tasks | Stacks | Activity | Time | Heat | Hot | Locality | Storms | Memory,
}
