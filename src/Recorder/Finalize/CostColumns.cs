using Faultrec.Recorder.Native;
using Faultrec.Recorder.Probes;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Finalize;

/// <summary>The columns of --why and --slab. A column that was not traced stays null in every row.</summary>
internal sealed class CostColumns(TraceMetadata header)
{
    private readonly bool[] _hasCause = Traced(FaultCauses.Names, header.Causes);
    private readonly bool[] _hasStage = Traced(SlabProbes.Stages, header.Slab?.Stages ?? []);
    private readonly bool _hasPages = header.Slab is not null && header.Backend.HasPrograms;

    public void Set(FaultBatch batch, int i, in SpooledFault fault)
    {
        // What a fault did before the probes saw it, or before the command's execve had finished, is not known.
        var details = (fault.Record.Bits & FaultBits.NoEntry) == 0 && fault.Details is { Values.HasCosts: not 0 } known ? known : null;
        for (var cause = 0; cause < _hasCause.Length; cause++)
        {
            if (_hasCause[cause])
                CauseOf(batch, cause)[i] = details?.Values.CauseNs[cause] ?? FaultBatch.Null;
        }

        for (var stage = 0; stage < _hasStage.Length; stage++)
        {
            if (_hasStage[stage])
                StageOf(batch, stage)[i] = details?.Values.Objects[stage] ?? FaultBatch.Null;
        }

        if (_hasPages)
            batch.BuddyPages[i] = details?.Values.BuddyPages ?? FaultBatch.Null;
    }

    private static bool[] Traced(IReadOnlyList<string> names, IReadOnlyList<CauseProbe> probes)
        => [.. names.Select(name => probes.Any(probe => probe.Cause == name && probe.Reason is null))];

    private static long[] CauseOf(FaultBatch batch, int cause) => cause switch
    {
        0 => batch.ReclaimNs,
        1 => batch.CompactionNs,
        2 => batch.IoWaitNs,
        3 => batch.LockWaitNs,
        4 => batch.OffCpuNs,
        _ => batch.ZeroingNs,
    };

    private static int[] StageOf(FaultBatch batch, int stage) => stage switch
    {
        0 => batch.SlabFast,
        1 => batch.SlabSheaf,
        2 => batch.SlabLocal,
        3 => batch.SlabPartial,
        4 => batch.SlabRemote,
        _ => batch.SlabBuddy,
    };
}
