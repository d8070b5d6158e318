using Faultrec.Recorder.Options;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Capture;

/// <summary>The rungs of the ladder, best first, and how one is chosen.</summary>
public static class Backends
{
    public const string Auto = "auto";
    public const string Fexit = "fexit";
    public const string Kprobe = "kprobe";
    public const string Tracepoint = "tracepoint";
    public const string Perf = "perf";

    internal static IReadOnlyList<string> Ladder { get; } = [Fexit, Kprobe, Tracepoint, Perf];

    /// <summary>Opens the backend that was asked for, or the first that works; the steps tell why the others do not.</summary>
    /// <exception cref="FaultrecException">None works here, or not for this user.</exception>
    internal static (ICapture Capture, IReadOnlyList<LadderStep> Steps) Open(RecordOptions options, Target target)
    {
        if (options.Backend != Auto)
            return (Open(options.Backend, options, target), [new LadderStep(options.Backend, null)]);
        var steps = new List<LadderStep>();
        foreach (var backend in Ladder)
        {
            try
            {
                var capture = Open(backend, options, target);
                return (capture, [.. steps, new LadderStep(backend, null)]);
            }
            catch (FaultrecException e) when (e.ExitCode == ExitCode.NotPermitted)
            {
                steps.Add(new LadderStep(backend, Reason(e)));
            }
        }
        throw new FaultrecException(
            ExitCode.NotPermitted,
            $"no backend works here: {string.Join("; ", steps.Select(step => $"{step.Backend}: {step.Reason}"))}; run it with sudo, or see `faultrec doctor`");
    }

    /// <summary>A refusal without the advice at its end, which is the same for every rung.</summary>
    internal static string Reason(FaultrecException refusal) => refusal.Message.Split(';')[0];

    private static ICapture Open(string backend, RecordOptions options, Target target)
        => backend == Perf ? PerfCapture.Open(options, target) : ProbeCapture.Open(backend, options, target);
}
