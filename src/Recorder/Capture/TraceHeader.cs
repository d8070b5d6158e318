using Faultrec.Recorder.Spool;
using Faultrec.Traces;

namespace Faultrec.Recorder.Capture;

/// <summary>What a trace says of its circumstances.</summary>
internal static class TraceHeader
{
    public const string TracepointBackend = "tracepoint";

    public static SpoolHeader Create(RecordOptions options, int pid, long startNs) => new()
    {
        TargetPid = pid,
        Metadata = new TraceMetadata
        {
            ToolVersion = options.ToolVersion,
            Command = options.Command,
            Target = options.Pid is null ? "command" : $"pid {pid}",
            Host = Environment.MachineName,
            Kernel = Machine.KernelRelease,
            Arch = Machine.Arch,
            PageSize = Environment.SystemPageSize,
            ClockStartNs = startNs,
            StartedAt = DateTimeOffset.UtcNow,
            Backend = TracepointBackend,
            Ladder = [new LadderStep(TracepointBackend, null)],
            Receipt = new Receipt { Events = 0 },
        },
    };
}
