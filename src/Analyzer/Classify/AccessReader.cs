using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Classify;

/// <summary>
/// Read, write or exec of a row. If the column of error codes says the same (<see cref="FaultBatch.Access"/> is made from it), that one
/// is read: numbers take a third of the time of text.
/// </summary>
internal readonly struct AccessReader(Backend backend)
{
    // arch/x86/include/asm/trap_pf.h
    private const int Write = 2;
    private const int InstructionFetch = 16;

    private readonly bool _isErrorCode = backend.HasErrorCodes;

    public FaultColumns Columns => _isErrorCode ? FaultColumns.ErrorCode : FaultColumns.Access;

    public FaultAccess Of(FaultBatch batch, int row)
    {
        if (!_isErrorCode)
            return batch.Access[row];
        var code = batch.ErrorCode[row];
        return code == FaultBatch.Null ? FaultAccess.Unknown
            : (code & Write) != 0 ? FaultAccess.Write
            : (code & InstructionFetch) != 0 ? FaultAccess.Exec
            : FaultAccess.Read;
    }
}
