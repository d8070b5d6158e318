using Faultrec.Traces;

namespace Faultrec.Recorder.Capture;

internal static class PerfCapture
{
    public static ICapture Open(RecordOptions options, Target target)
        => throw new FaultrecException(ExitCode.NotPermitted, "not yet");
}
