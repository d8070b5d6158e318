using Faultrec.Traces;

namespace Faultrec.Analyzer;

/// <summary>Moves the rows that passed a filter to the front of a batch, so that what follows runs over dense arrays.</summary>
internal static class RowCompaction
{
    /// <param name="columns">Only these are moved; others are stale afterwards.</param>
    public static void Keep(FaultBatch batch, FaultColumns columns, Severity[] severities, FaultKind[] kinds, bool[] keep)
    {
        var rows = batch.Count;
        batch.Count = Move(severities, keep, rows);
        Move(kinds, keep, rows);
        MoveIf(columns, FaultColumns.TimeNs, batch.TimeNs, keep, rows);
        MoveIf(columns, FaultColumns.DurationNs, batch.DurationNs, keep, rows);
        MoveIf(columns, FaultColumns.Pid, batch.Pid, keep, rows);
        MoveIf(columns, FaultColumns.Tid, batch.Tid, keep, rows);
        MoveIf(columns, FaultColumns.Cpu, batch.Cpu, keep, rows);
        MoveIf(columns, FaultColumns.Comm, batch.Comm, keep, rows);
        MoveIf(columns, FaultColumns.Address, batch.Address, keep, rows);
        MoveIf(columns, FaultColumns.Ip, batch.Ip, keep, rows);
        MoveIf(columns, FaultColumns.Major, batch.Major, keep, rows);
        MoveIf(columns, FaultColumns.Access, batch.Access, keep, rows);
        MoveIf(columns, FaultColumns.KernelAccess, batch.KernelAccess, keep, rows);
        MoveIf(columns, FaultColumns.ErrorCode, batch.ErrorCode, keep, rows);
        MoveIf(columns, FaultColumns.FaultFlags, batch.FaultFlags, keep, rows);
        MoveIf(columns, FaultColumns.FaultResult, batch.FaultResult, keep, rows);
        MoveIf(columns, FaultColumns.Signal, batch.Signal, keep, rows);
        MoveIf(columns, FaultColumns.PtLevel, batch.PtLevel, keep, rows);
        MoveIf(columns, FaultColumns.PteBefore, batch.PteBefore, keep, rows);
        MoveIf(columns, FaultColumns.Pfn, batch.Pfn, keep, rows);
        MoveIf(columns, FaultColumns.PageOrder, batch.PageOrder, keep, rows);
        MoveIf(columns, FaultColumns.RegionId, batch.RegionId, keep, rows);
        MoveIf(columns, FaultColumns.Region, batch.Region, keep, rows);
        MoveIf(columns, FaultColumns.FilePage, batch.FilePage, keep, rows);
        MoveIf(columns, FaultColumns.Stack, batch.Stack, keep, rows);
        MoveIf(columns, FaultColumns.Gup, batch.Gup, keep, rows);
        MoveIf(columns, FaultColumns.Handler, batch.Handler, keep, rows);
        MoveIf(columns, FaultColumns.VmfAddress, batch.VmfAddress, keep, rows);
        MoveIf(columns, FaultColumns.VmfPgoff, batch.VmfPgoff, keep, rows);
        MoveIf(columns, FaultColumns.Weight, batch.Weight, keep, rows);
        MoveIf(columns, FaultColumns.Grew, batch.Grew, keep, rows);
        MoveIf(columns, FaultColumns.ReclaimNs, batch.ReclaimNs, keep, rows);
        MoveIf(columns, FaultColumns.CompactionNs, batch.CompactionNs, keep, rows);
        MoveIf(columns, FaultColumns.IoWaitNs, batch.IoWaitNs, keep, rows);
        MoveIf(columns, FaultColumns.LockWaitNs, batch.LockWaitNs, keep, rows);
        MoveIf(columns, FaultColumns.OffCpuNs, batch.OffCpuNs, keep, rows);
        MoveIf(columns, FaultColumns.ZeroingNs, batch.ZeroingNs, keep, rows);
        MoveIf(columns, FaultColumns.SlabFast, batch.SlabFast, keep, rows);
        MoveIf(columns, FaultColumns.SlabSheaf, batch.SlabSheaf, keep, rows);
        MoveIf(columns, FaultColumns.SlabLocal, batch.SlabLocal, keep, rows);
        MoveIf(columns, FaultColumns.SlabPartial, batch.SlabPartial, keep, rows);
        MoveIf(columns, FaultColumns.SlabRemote, batch.SlabRemote, keep, rows);
        MoveIf(columns, FaultColumns.SlabBuddy, batch.SlabBuddy, keep, rows);
        MoveIf(columns, FaultColumns.BuddyPages, batch.BuddyPages, keep, rows);
        MoveIf(columns, FaultColumns.StackId, batch.StackId, keep, rows);
    }

    private static void MoveIf<T>(FaultColumns columns, FaultColumns column, T[] values, bool[] keep, int rows)
    {
        if ((columns & column) != 0)
            Move(values, keep, rows);
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
