using DuckDB.NET.Native;
using Faultrec.Traces.Columns;

namespace Faultrec.Query;

/// <summary>A column of faults on its way from a vector of DuckDB's into a batch of ours.</summary>
/// <param name="Flag">Its bit, as <see cref="Analyzer.Judge.Columns"/> asks for it.</param>
/// <param name="Copy">Of the column at an index of a chunk the first rows.</param>
internal sealed record FaultInput(FaultColumns Flag, string Name, DuckDBType Type, Action<Vectors, int, FaultBatch> Copy);

/// <summary>Those that the rules of severity and kind can look at.</summary>
internal static class FaultInputs
{
    private static readonly FaultInput[] All =
    [
        new(FaultColumns.TimeNs, "time_ns", DuckDBType.BigInt, (from, i, to) => from.Copy(i, to.TimeNs, 0)),
        new(FaultColumns.Address, "address", DuckDBType.BigInt, (from, i, to) => from.Copy(i, to.Address, 0)),
        new(FaultColumns.Major, "major", DuckDBType.Boolean, (from, i, to) => from.Copy(i, to.Major, false)),
        new(FaultColumns.Access, "access", DuckDBType.Varchar, (from, i, to) => from.CopyAccess(i, to.Access)),
        new(FaultColumns.KernelAccess, "kernel_access", DuckDBType.Boolean, (from, i, to) => from.Copy(i, to.KernelAccess, false)),
        new(FaultColumns.ErrorCode, "error_code", DuckDBType.Integer, (from, i, to) => from.Copy(i, to.ErrorCode, FaultBatch.Null)),
        new(FaultColumns.FaultResult, "fault_result", DuckDBType.Integer, (from, i, to) => from.Copy(i, to.FaultResult, FaultBatch.Null)),
        new(FaultColumns.Signal, "signal", DuckDBType.Integer, (from, i, to) => from.Copy(i, to.Signal, FaultBatch.Null)),
        new(FaultColumns.PtLevel, "pt_level", DuckDBType.TinyInt, (from, i, to) => from.Copy(i, to.PtLevel, (sbyte)FaultBatch.Null)),
        new(FaultColumns.PteBefore, "pte_before", DuckDBType.BigInt, (from, i, to) => from.Copy(i, to.PteBefore, FaultBatch.NullPte)),
        new(FaultColumns.Pfn, "pfn", DuckDBType.BigInt, (from, i, to) => from.Copy(i, to.Pfn, FaultBatch.Null)),
        new(FaultColumns.PageOrder, "page_order", DuckDBType.TinyInt, (from, i, to) => from.Copy(i, to.PageOrder, (sbyte)FaultBatch.Null)),
        new(FaultColumns.RegionId, "region_id", DuckDBType.Integer, (from, i, to) => from.Copy(i, to.RegionId, 0)),
        new(FaultColumns.Gup, "gup", DuckDBType.Boolean, (from, i, to) => from.Copy(i, to.Gup, false)),
        new(FaultColumns.Grew, "grew", DuckDBType.Boolean, (from, i, to) => from.Copy(i, to.Grew, false)),
        new(FaultColumns.Merged, "merged", DuckDBType.Boolean, (from, i, to) => from.Copy(i, to.Merged, false)),
    ];

    /// <exception cref="InvalidOperationException">A rule looks at a column that is not listed here.</exception>
    public static FaultInput[] For(FaultColumns columns)
    {
        var inputs = Array.FindAll(All, input => (columns & input.Flag) != 0);
        var covered = inputs.Aggregate(FaultColumns.None, (sum, input) => sum | input.Flag);
        return covered == columns ? inputs : throw new InvalidOperationException($"no vector is read for {columns & ~covered}");
    }
}
