using Faultrec.Recorder.Options;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Capture;

/// <summary>Chooses a backend from <see cref="Backend.Ladder"/>.</summary>
internal static class Backends
{
    /// <summary>Opens the requested backend, or the first that works; the steps say why the others do not.</summary>
    /// <exception cref="FaultrecException">No backend works here, or none for this user.</exception>
    public static (ICapture Capture, IReadOnlyList<LadderStep> Steps) Open(RecordOptions options, Target target)
    {
        if (options.Backend is { } asked)
            return (Open(asked, options, target), [new LadderStep(asked.Name, null)]);
        var steps = new List<LadderStep>();
        foreach (var backend in Backend.Ladder)
        {
            try
            {
                var capture = Open(backend, options, target);
                return (capture, [.. steps, new LadderStep(backend.Name, null)]);
            }
            catch (FaultrecException e) when (e.ExitCode == ExitCode.NotPermitted)
            {
                steps.Add(new LadderStep(backend.Name, Reason(e)));
            }
        }

        throw new FaultrecException(
            ExitCode.NotPermitted,
            $"no backend works here: {string.Join("; ", steps.Select(step => $"{step.Backend}: {step.Reason}"))}; run it with sudo, or see `faultrec doctor`");
    }

    /// <summary>The error message without the advice at its end, which is the same for every backend.</summary>
    public static string Reason(FaultrecException refusal) => refusal.Message.Split(';')[0];

    private static ICapture Open(Backend backend, RecordOptions options, Target target)
        => backend.HasPrograms ? ProbeCapture.Open(backend, options, target) : PerfCapture.Open(options, target);
}
