using System.Numerics;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Perf;
using Faultrec.Recorder.Probes;
using Faultrec.Recorder.Spool;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Ledger;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Finalize;

/// <summary>Makes rows from faults, with the names and regions of the moment that the merge has reached.</summary>
internal sealed class FaultRows(SpoolHeader header, TaskTable tasks, IRegionLedger ledger, StackResolver? stacks = null)
{
    private readonly CostColumns _costs = new(header.Metadata);
    private readonly PageGeometry _pages = header.Metadata.Pages;
    private readonly bool _hasHandlers = header.Metadata.Handlers.Count > 0;
    private readonly int _pagingLevels = header.Metadata.PageTable?.PagingLevels ?? 0;
    private readonly long _startNs = header.Metadata.ClockStartNs;
    private readonly bool _seesEntries = header.Metadata.Backend.HasPrograms;
    private readonly int _every = header.Metadata.Sampling?.Every ?? 1;
    private readonly long _remoteFlag = header.Metadata.FaultFlagNames.GetValueOrDefault("FAULT_FLAG_REMOTE");
    private readonly long _writeFlag = header.Metadata.FaultFlagNames.GetValueOrDefault("FAULT_FLAG_WRITE");
    private readonly long _instructionFlag = header.Metadata.FaultFlagNames.GetValueOrDefault("FAULT_FLAG_INSTRUCTION");

    public long Count { get; private set; }

    public long Failed { get; private set; }

    public long WithoutEntry { get; private set; }

    public long WithoutRegion { get; private set; }

    /// <summary>A row stands for more faults than requested.</summary>
    public bool IsRateLimited { get; private set; }

    public long ToTraceTime(long monotonicNs) => monotonicNs - _startNs;

    public void Apply(LedgerEvent change) => tasks.Apply(change, header.IsCommand, header.TargetPid);

    /// <param name="batch">Has room for one more.</param>
    public void Add(FaultBatch batch, in SpooledFault fault)
    {
        var record = fault.Record;
        var task = tasks.Of(record.Pid, record.Tid);
        var hasEntry = (record.Bits & FaultBits.NoEntry) == 0;
        var isMajor = (record.Bits & FaultBits.Major) != 0;
        var i = batch.Count++;
        batch.TimeNs[i] = ToTraceTime(record.StartNs);
        // 0: its end was not seen, see bpf/own_counters.bpf.h.
        batch.DurationNs[i] = hasEntry && record.DurationNs > 0 ? record.DurationNs : FaultBatch.Null;
        batch.Pid[i] = record.Pid;
        batch.Tid[i] = record.Tid;
        batch.Cpu[i] = fault.Cpu;
        batch.Comm[i] = task.Comm;
        batch.Address[i] = record.Address;
        batch.Ip[i] = record.Ip;
        batch.Major[i] = isMajor;
        batch.Access[i] = AccessOf(record);
        batch.KernelAccess[i] = (record.Bits & FaultBits.KernelIp) != 0;
        batch.ErrorCode[i] = (record.Bits & FaultBits.HasErrorCode) != 0 ? record.ErrorCode : FaultBatch.Null;
        batch.FaultFlags[i] = (record.Bits & FaultBits.HasFlags) != 0 ? record.FaultFlags : FaultBatch.Null;
        batch.FaultResult[i] = (record.Bits & FaultBits.HasFlags) != 0 ? record.FaultResult : FaultBatch.Null;
        batch.Signal[i] = fault.Signal == 0 ? FaultBatch.Null : fault.Signal;
        stacks?.Set(batch, i, fault, task.Process.Space);
        SetFrame(batch, i, record);
        batch.Gup[i] = (record.Bits & FaultBits.Gup) != 0;
        SetHandler(batch, i, fault);
        _costs.Set(batch, i, fault);
        batch.Weight[i] = record.Weight;
        SetRegion(batch, i, task, record);
        WithoutEntry += hasEntry || !_seesEntries || fault.Signal != 0 ? 0 : 1;
        IsRateLimited |= record.Weight > _every;
        task.Process.HasFaults = true;
        Count++;
        if (fault.Signal != 0)
        {
            Failed++;
            task.Process.LastFailure = (fault.Signal, record.StartNs);
        }
    }

    /// <summary>A fault outside every known mapping is counted.</summary>
    public void Skip(in SpooledFault fault)
    {
        Count++;
        Failed += fault.Signal != 0 ? 1 : 0;
    }

    private void SetHandler(FaultBatch batch, int i, in SpooledFault fault)
    {
        if (!_hasHandlers)
            return;
        var details = (fault.Record.Bits & FaultBits.HasVmf) != 0 ? fault.Details : null;
        batch.Handler[i] = details is null ? null : FaultHandlers.Name(fault.Record.Handler);
        batch.VmfAddress[i] = details?.Values.VmfAddress ?? FaultBatch.Null;
        batch.VmfPgoff[i] = details?.Values.VmfPgoff ?? FaultBatch.Null;
    }

    private void SetFrame(FaultBatch batch, int i, in FaultRecord record)
    {
        var isWalked = (record.Bits & FaultBits.HasWalk) != 0;
        // With four levels, the walk's p4d level is the pgd.
        batch.PtLevel[i] = (sbyte)(!isWalked ? FaultBatch.Null
            : record.LevelBefore == PageGeometry.P4dLevel && _pagingLevels == 4 ? PageGeometry.PgdLevel
            : record.LevelBefore);
        batch.Merged[i] = isWalked && record.IsMerged;
        batch.PteBefore[i] = isWalked ? (long)record.EntryBefore : FaultBatch.NullPte;
        var entry = new PageTableEntry((long)record.PteAfter);
        var isMapped = isWalked && record.LevelAfter <= PageGeometry.PudLevel && entry.IsPresent;
        var order = _pages.OrderAt(record.LevelAfter);
        var around = isWalked ? record.MappedAround : 0;
        var folioOrder = isWalked ? FolioOrder(record) : 0;
        var isAlone = BitOperations.PopCount((uint)around) <= 1;
        batch.MappedAround[i] = isAlone ? FaultBatch.Null : around;
        // Of a read the kernel never makes a folio.
        var hadSpace = isWalked && record.HasAround && record.LevelBefore == PageGeometry.PteLevel && batch.Access[i] == FaultAccess.Write;
        batch.EmptyOrder[i] = hadSpace && isAlone && record.FolioOrder == 0 ? EmptyOrder(record) : (sbyte)FaultBatch.Null;
        batch.PageOrder[i] = (sbyte)(!isMapped ? FaultBatch.Null : Math.Max(folioOrder, order));
        batch.Pfn[i] = isMapped ? entry.Frame(order) | (_pages.PageOf((ulong)record.Address) & ((1L << order) - 1)) : FaultBatch.Null;
    }

    /// <summary>log2 of the pages of the largest aligned block around a page that was mapped alone, in which there was nothing.</summary>
    private sbyte EmptyOrder(in FaultRecord record)
    {
        for (var pages = FaultRecord.AroundAlign; pages > 1; pages /= 2)
        {
            if ((record.UsedBefore & Block(record, pages)) == 0)
                return (sbyte)BitOperations.Log2((uint)pages);
        }

        return 0;
    }

    /// <summary>Bits of the window for the block of so many pages around the address; at most half of the window.</summary>
    private int Block(in FaultRecord record, int pages)
    {
        var begin = InWindow(record) & -pages;
        return Bits(begin, begin + pages);
    }

    /// <summary>log2 of the pages of the folio that the fault mapped, all of it as far as the window shows; 0: one page.</summary>
    private int FolioOrder(in FaultRecord record)
    {
        var order = record.FolioOrder;
        if (order == 0 || order >= _pages.HugeOrder)
            return 0;
        var inFolio = (int)(new PageTableEntry((long)record.PteAfter).Frame(0) & ((1L << order) - 1));
        var begin = InWindow(record) - inFolio;
        var folio = Bits(Math.Max(begin, 0), Math.Min(begin + (1 << order), FaultBatch.AroundBits));
        return (record.MappedAround & folio) == folio ? order : 0;
    }

    /// <summary>Which page of the window the address is in.</summary>
    private int InWindow(in FaultRecord record) => (int)_pages.PageOf((ulong)record.Address) & (FaultRecord.AroundAlign - 1);

    private static int Bits(int begin, int end) => (int)((1U << end) - (1U << begin));

    private void SetRegion(FaultBatch batch, int i, TaskState task, in FaultRecord record)
    {
        var address = (ulong)record.Address;
        // get_user_pages in memory of another address space: of the program that execve prepares, or of a process under ptrace.
        var isRemote = (record.Bits & FaultBits.HasFlags) != 0 && (record.FaultFlags & _remoteFlag) != 0;
        if (stacks is not null)
            batch.MapperStackId[i] = (isRemote ? null : task.Process.Space.Mappers.At(address)) ?? FaultBatch.Null;
        if (isRemote)
        {
            batch.Grew[i] = false;
            batch.RegionId[i] = ledger.IdOf(task.Process.Space.Remote(address, record.StartNs));
            batch.Region[i] = AddressSpace.RemoteName;
            batch.FilePage[i] = FaultBatch.Null;
            return;
        }

        if (!MappingColumns.Set(batch, i, task.Process.Space, ledger))
            WithoutRegion++;
    }

    private FaultAccess AccessOf(in FaultRecord record)
    {
        // arch/x86/include/asm/trap_pf.h: X86_PF_WRITE 2, X86_PF_INSTR 16.
        if ((record.Bits & FaultBits.HasErrorCode) != 0)
            return AccessOf(record.ErrorCode, 2, 16);
        return (record.Bits & FaultBits.HasFlags) != 0 ? AccessOf(record.FaultFlags, _writeFlag, _instructionFlag) : FaultAccess.Unknown;
    }

    private static FaultAccess AccessOf(long bits, long write, long exec)
        => (bits & write) != 0 ? FaultAccess.Write : (bits & exec) != 0 ? FaultAccess.Exec : FaultAccess.Read;
}
