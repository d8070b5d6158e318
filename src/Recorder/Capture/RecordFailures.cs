using Faultrec.Recorder.Native;
using Faultrec.Traces;

namespace Faultrec.Recorder.Capture;

/// <summary>
/// What went wrong while a program was recorded, one line per failure. The program runs on whatever fails: a recording returns
/// its status.
/// </summary>
internal sealed class RecordFailures(string output, string spoolPath)
{
    private readonly List<FaultrecException> _all = [];

    public IReadOnlyList<FaultrecException> All => _all;

    /// <param name="spoolFailure">Why writing to the spool failed; null: it did not.</param>
    /// <param name="isEmpty">Nothing was written to the spool.</param>
    public void Add(CaptureResult captured, IOException? spoolFailure, bool isEmpty)
    {
        var what = isEmpty ? "nothing was recorded" : "the recording ended early";
        if (captured.Failure is { } failure)
            _all.Add(new FaultrecException(CodeOf(failure), $"{output}: {what}: {Reason(failure)}", failure));
        if (spoolFailure is not null)
            _all.Add(new FaultrecException(ExitCode.Incomplete, $"{output}: {what}: {spoolPath} could not be written ({Reason(spoolFailure)})", spoolFailure));
    }

    /// <summary>A failure to make the trace; the spool is kept.</summary>
    public void AddFinalizing(Exception failure) => _all.Add(failure as FaultrecException ?? new FaultrecException(
        CodeOf(failure),
        $"{output}: the trace could not be made: {Reason(failure)}; the recording is kept: fix that, then `faultrec recover {spoolPath}`",
        failure));

    private static ExitCode CodeOf(Exception failure) => failure switch
    {
        FaultrecException { ExitCode: var code } => code,
        IOException or UnauthorizedAccessException or OutOfMemoryException => ExitCode.Incomplete,
        _ when IsTooLarge(failure) => ExitCode.Incomplete,
        _ => ExitCode.Bug,
    };

    public static string Reason(Exception failure) => failure switch
    {
        OutOfMemoryException => "there is not enough memory",
        _ when Errno.IsDiskFull(failure) => "the disk is full",
        FaultrecException or IOException or UnauthorizedAccessException => failure.Message,
        _ when IsTooLarge(failure) => "the file has reached its size limit",
        _ => $"a bug in faultrec, please report it: {failure.GetType().Name}: {failure.Message}{FirstFrame(failure)}",
    };

    // How .NET reports EFBIG: a limit on file sizes, or that of the file system.
    private static bool IsTooLarge(Exception failure) => failure is ArgumentOutOfRangeException { ParamName: "value" };

    private static string FirstFrame(Exception failure) => failure.StackTrace?.Split('\n')[0].Trim() is { Length: > 0 } frame ? $" ({frame})" : "";
}
