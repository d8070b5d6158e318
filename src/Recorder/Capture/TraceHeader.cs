using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Spool;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Capture;

/// <summary>What a trace says about its circumstances.</summary>
internal static class TraceHeader
{
    public static SpoolHeader Create(RecordOptions options, Target target, ICapture capture, IReadOnlyList<LadderStep> ladder, long startNs)
    {
        var kernel = KernelFaults.Read();
        return new SpoolHeader
        {
            BootId = Machine.BootId,
            TargetPid = target.Pid,
            IsCommand = target.Launcher is not null,
            Metadata = new TraceMetadata
            {
                ToolVersion = options.ToolVersion,
                Command = options.Command,
                Target = target.Description,
                Host = Environment.MachineName,
                Kernel = Machine.KernelRelease,
                Arch = Machine.Arch,
                PageSize = PageGeometry.Here.PageBytes,
                ClockStartNs = startNs,
                StartedAt = DateTimeOffset.UtcNow,
                Backend = capture.Backend,
                Ladder = ladder,
                FaultFlagNames = kernel.FlagNames,
                FaultResultNames = kernel.ResultNames,
                Handlers = capture.Handlers,
                PageTable = capture.Frames,
                Causes = capture.Costs.Causes,
                Slab = capture.Costs.Slab,
                StackRecording = capture.Stacks,
                TlbRefusal = capture.Costs.TlbReason,
                ThpMode = KernelMemory.ThpMode,
                FolioSizes = KernelMemory.FolioSizes,
                SwapTypes = kernel.SwapTypes,
                SwapAreas = KernelMemory.SwapAreas,
                NumaNodes = capture.Frames.Recorded ? KernelMemory.NumaNodes : [],
                NumaCpus = capture.Frames.Recorded ? KernelMemory.NumaCpus : [],
                ExcludeKernel = capture.ExcludesKernel,
                Sampling = options.Every > 1 || options.MaxRatePerSecond is not null ? new Sampling(options.Every, options.MaxRatePerSecond, false) : null,
                Receipt = new Receipt { Events = 0 },
            },
        };
    }
}
