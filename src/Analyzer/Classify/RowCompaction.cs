using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Classify;

/// <summary>Moves the rows that passed a filter to the front of a batch, so that what follows runs over dense arrays.</summary>
internal static class RowCompaction
{
    /// <param name="columns">Only these are moved, or looked at: a batch makes most of its arrays when they are first asked for.</param>
    public static void Keep(FaultBatch batch, FaultColumns columns, Severity[] severities, FaultKind[] kinds, bool[] keep)
    {
        var rows = batch.Count;
        batch.Count = Move(severities, keep, rows);
        Move(kinds, keep, rows);
        if (columns.HasFlag(FaultColumns.TimeNs))
            Move(batch.TimeNs, keep, rows);
        if (columns.HasFlag(FaultColumns.DurationNs))
            Move(batch.DurationNs, keep, rows);
        if (columns.HasFlag(FaultColumns.Pid))
            Move(batch.Pid, keep, rows);
        if (columns.HasFlag(FaultColumns.Tid))
            Move(batch.Tid, keep, rows);
        if (columns.HasFlag(FaultColumns.Cpu))
            Move(batch.Cpu, keep, rows);
        if (columns.HasFlag(FaultColumns.Comm))
            Move(batch.Comm, keep, rows);
        if (columns.HasFlag(FaultColumns.Address))
            Move(batch.Address, keep, rows);
        if (columns.HasFlag(FaultColumns.Ip))
            Move(batch.Ip, keep, rows);
        if (columns.HasFlag(FaultColumns.Major))
            Move(batch.Major, keep, rows);
        if (columns.HasFlag(FaultColumns.Access))
            Move(batch.Access, keep, rows);
        if (columns.HasFlag(FaultColumns.KernelAccess))
            Move(batch.KernelAccess, keep, rows);
        if (columns.HasFlag(FaultColumns.ErrorCode))
            Move(batch.ErrorCode, keep, rows);
        if (columns.HasFlag(FaultColumns.FaultFlags))
            Move(batch.FaultFlags, keep, rows);
        if (columns.HasFlag(FaultColumns.FaultResult))
            Move(batch.FaultResult, keep, rows);
        if (columns.HasFlag(FaultColumns.Signal))
            Move(batch.Signal, keep, rows);
        if (columns.HasFlag(FaultColumns.PtLevel))
            Move(batch.PtLevel, keep, rows);
        if (columns.HasFlag(FaultColumns.PteBefore))
            Move(batch.PteBefore, keep, rows);
        if (columns.HasFlag(FaultColumns.Pfn))
            Move(batch.Pfn, keep, rows);
        if (columns.HasFlag(FaultColumns.PageOrder))
            Move(batch.PageOrder, keep, rows);
        if (columns.HasFlag(FaultColumns.RegionId))
            Move(batch.RegionId, keep, rows);
        if (columns.HasFlag(FaultColumns.Region))
            Move(batch.Region, keep, rows);
        if (columns.HasFlag(FaultColumns.FilePage))
            Move(batch.FilePage, keep, rows);
        if (columns.HasFlag(FaultColumns.Stack))
            Move(batch.Stack, keep, rows);
        if (columns.HasFlag(FaultColumns.Gup))
            Move(batch.Gup, keep, rows);
        if (columns.HasFlag(FaultColumns.Handler))
            Move(batch.Handler, keep, rows);
        if (columns.HasFlag(FaultColumns.VmfAddress))
            Move(batch.VmfAddress, keep, rows);
        if (columns.HasFlag(FaultColumns.VmfPgoff))
            Move(batch.VmfPgoff, keep, rows);
        if (columns.HasFlag(FaultColumns.Weight))
            Move(batch.Weight, keep, rows);
        if (columns.HasFlag(FaultColumns.Grew))
            Move(batch.Grew, keep, rows);
        if (columns.HasFlag(FaultColumns.ReclaimNs))
            Move(batch.ReclaimNs, keep, rows);
        if (columns.HasFlag(FaultColumns.CompactionNs))
            Move(batch.CompactionNs, keep, rows);
        if (columns.HasFlag(FaultColumns.IoWaitNs))
            Move(batch.IoWaitNs, keep, rows);
        if (columns.HasFlag(FaultColumns.LockWaitNs))
            Move(batch.LockWaitNs, keep, rows);
        if (columns.HasFlag(FaultColumns.OffCpuNs))
            Move(batch.OffCpuNs, keep, rows);
        if (columns.HasFlag(FaultColumns.ZeroingNs))
            Move(batch.ZeroingNs, keep, rows);
        if (columns.HasFlag(FaultColumns.SlabFast))
            Move(batch.SlabFast, keep, rows);
        if (columns.HasFlag(FaultColumns.SlabSheaf))
            Move(batch.SlabSheaf, keep, rows);
        if (columns.HasFlag(FaultColumns.SlabLocal))
            Move(batch.SlabLocal, keep, rows);
        if (columns.HasFlag(FaultColumns.SlabPartial))
            Move(batch.SlabPartial, keep, rows);
        if (columns.HasFlag(FaultColumns.SlabRemote))
            Move(batch.SlabRemote, keep, rows);
        if (columns.HasFlag(FaultColumns.SlabBuddy))
            Move(batch.SlabBuddy, keep, rows);
        if (columns.HasFlag(FaultColumns.BuddyPages))
            Move(batch.BuddyPages, keep, rows);
        if (columns.HasFlag(FaultColumns.StackId))
            Move(batch.StackId, keep, rows);
        if (columns.HasFlag(FaultColumns.MapperStackId))
            Move(batch.MapperStackId, keep, rows);
        if (columns.HasFlag(FaultColumns.Merged))
            Move(batch.Merged, keep, rows);
    }

    private static int Move<T>(T[] values, bool[] keep, int rows)
    {
        var kept = 0;
        for (var i = 0; i < rows; i++)
        {
            if (keep[i])
                values[kept++] = values[i];
        }

        return kept;
    }
}
