using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Compare;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Simulate;
using Faultrec.Traces.Columns;

namespace Faultrec.Analyzer.Dump;

/// <summary>How one field is written.</summary>
internal interface IDumpFormat
{
    void Header();

    void EndRow();

    void Null(int column);

    void Number(int column, long value);

    void Hex(int column, ulong value);

    void Bool(int column, bool value);

    void Text(int column, string value);
}

/// <summary>The fields of a record in the schema's order, and what the Analyzer makes of them.</summary>
/// <param name="knowsMajor">False: the trace does not say which faults were major.</param>
internal sealed class DumpFields(IDumpFormat format, bool knowsMajor)
{
    public static readonly string[] Names = [.. TraceSchema.Facts.Select(fact => fact.Name), "kind"];

    private static readonly string[] AccessNames = ["read", "write", "exec"];

    /// <param name="kind">Null where faults are not classified.</param>
    public void Write(FaultBatch batch, int row, FaultKind? kind)
    {
        format.Number(0, batch.TimeNs[row]);
        NumberOrNull(1, batch.DurationNs[row]);
        format.Number(2, batch.Pid[row]);
        format.Number(3, batch.Tid[row]);
        format.Number(4, batch.Cpu[row]);
        format.Text(5, batch.Comm[row]);
        format.Hex(6, (ulong)batch.Address[row]);
        format.Hex(7, (ulong)batch.Ip[row]);
        if (knowsMajor)
            format.Bool(8, batch.Major[row]);
        else
            format.Null(8);
        TextOrNull(9, batch.Access[row] == FaultAccess.Unknown ? null : AccessNames[(int)batch.Access[row]]);
        format.Bool(10, batch.KernelAccess[row]);
        NumberOrNull(11, batch.ErrorCode[row]);
        NumberOrNull(12, batch.FaultFlags[row]);
        NumberOrNull(13, batch.FaultResult[row]);
        NumberOrNull(14, batch.Signal[row]);
        NumberOrNull(15, batch.PtLevel[row]);
        if (batch.PteBefore[row] == FaultBatch.NullPte)
            format.Null(16);
        else
            format.Hex(16, (ulong)batch.PteBefore[row]);
        NumberOrNull(17, batch.Pfn[row]);
        NumberOrNull(18, batch.PageOrder[row]);
        format.Number(19, batch.RegionId[row]);
        format.Text(20, batch.Region[row]);
        NumberOrNull(21, batch.FilePage[row]);
        TextOrNull(22, batch.Stack[row]);
        format.Bool(23, batch.Gup[row]);
        TextOrNull(24, batch.Handler[row]);
        if (batch.VmfAddress[row] == FaultBatch.Null)
            format.Null(25);
        else
            format.Hex(25, (ulong)batch.VmfAddress[row]);
        NumberOrNull(26, batch.VmfPgoff[row]);
        format.Number(27, batch.Weight[row]);
        format.Bool(28, batch.Grew[row]);
        NumberOrNull(29, batch.ReclaimNs[row]);
        NumberOrNull(30, batch.CompactionNs[row]);
        NumberOrNull(31, batch.IoWaitNs[row]);
        NumberOrNull(32, batch.LockWaitNs[row]);
        NumberOrNull(33, batch.OffCpuNs[row]);
        NumberOrNull(34, batch.ZeroingNs[row]);
        NumberOrNull(35, batch.SlabFast[row]);
        NumberOrNull(36, batch.SlabSheaf[row]);
        NumberOrNull(37, batch.SlabLocal[row]);
        NumberOrNull(38, batch.SlabPartial[row]);
        NumberOrNull(39, batch.SlabRemote[row]);
        NumberOrNull(40, batch.SlabBuddy[row]);
        NumberOrNull(41, batch.BuddyPages[row]);
        NumberOrNull(42, batch.StackId[row]);
        NumberOrNull(43, batch.MapperStackId[row]);
        format.Bool(44, batch.Merged[row]);
        TextOrNull(45, kind?.Name());
        format.EndRow();
    }

    private void TextOrNull(int column, string? value)
    {
        if (value is null)
            format.Null(column);
        else
            format.Text(column, value);
    }

    private void NumberOrNull(int column, long value)
    {
        if (value == FaultBatch.Null)
            format.Null(column);
        else
            format.Number(column, value);
    }
}
