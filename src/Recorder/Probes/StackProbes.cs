using System.Globalization;
using Faultrec.Recorder.Kernel;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Options;
using Faultrec.Recorder.Spool;
using Faultrec.Recorder.Symbols;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Probes;

/// <summary>What stacks add to a recording: unwind tables for the probes, and the ring of the stacks they take.</summary>
internal sealed class StackProbes : IDisposable
{
    /// <summary>8 bytes each. libc has 22,000 rows, libpython 63,000, node a million.</summary>
    public static readonly uint MaxRows = MemoryBudget.Scaled(4 << 20);

    public const uint MaxFiles = 4096;

    /// <summary>Remembered hashes of stacks that were sent; beyond that a stack is merely sent more than once.</summary>
    public static readonly uint RememberedStacks = MemoryBudget.Scaled(64 * 1024);

    public static readonly uint RingBytes = MemoryBudget.Scaled(8 << 20);

    /// <summary>16 KiB each, for a process and its forks until they execute another program.</summary>
    private static readonly uint MaxAddressSpaces = MemoryBudget.Scaled(1024);

    /// <summary>For whoever doubts a stack: each that a probe remembered is walked as well, and both are compared.</summary>
    private static readonly bool ChecksStacks = Environment.GetEnvironmentVariable("FAULTREC_CHECK_STACKS") == "1";

    private readonly AttachedProbes _probes;
    private readonly StackRing _ring;
    private readonly CodeWatch _watch;

    private StackProbes(AttachedProbes probes, MappedFiles mapped)
    {
        _probes = probes;
        _ring = new StackRing(probes);
        _watch = new CodeWatch(new CodeTables(probes, MaxAddressSpaces, mapped));
    }

    /// <summary>The probes' configuration; without stacks, or if they are refused, the probes take none.</summary>
    public static ProbeConfig Describe(ProbeConfig config, RecordOptions options)
    {
        if (!options.TakesStacks || ReasonFor(options) is not null)
            return config;
        config.CodeMaps = MaxAddressSpaces;
        config.ChecksStacks = ChecksStacks ? (byte)1 : (byte)0;
        return config;
    }

    /// <summary>Null: no stacks are taken.</summary>
    public static StackProbes? Open(AttachedProbes probes, ProbeConfig config, IReadOnlyList<string> command, MappedFiles mapped)
    {
        if (config.CodeMaps == 0)
            return null;
        var stacks = new StackProbes(probes, mapped);
        if (command.Count > 0)
            stacks._watch.Prepare(CommandPrograms.Of(command));
        return stacks;
    }

    /// <summary>What the trace says about stacks when it begins; null: stacks were not asked for.</summary>
    public static StackRecording? Recording(RecordOptions options, string? reason)
        => options.TakesStacks ? new StackRecording(reason ?? ReasonFor(options), 0, 0, 0, []) : null;

    private static string? ReasonFor(RecordOptions options) => Libdw.Reason ?? (options.Stacks == true ? null : MemoryBudget.NoStacksReason);

    /// <summary>A sink in front of <paramref name="sink"/> that notes which code processes map.</summary>
    public IRecordSink Watching(IRecordSink sink) => _watch.Before(sink);

    /// <summary>Waits until the tables of all code seen so far are made.</summary>
    public void WaitForTables() => _watch.WaitForTables();

    public void DrainTo(IRecordSink sink) => _ring.DrainTo(sink);

    /// <summary>After the last drain: files whose unwind tables could not be made, and why.</summary>
    public IReadOnlyList<string> Warnings => ChecksStacks ? [.. _watch.Warnings, DescribeChecks()] : _watch.Warnings;

    private string DescribeChecks()
    {
        _ = _probes.TryGet("stack_checks", 0U, out StackChecks checks);
        return string.Create(CultureInfo.InvariantCulture,
            $"FAULTREC_CHECK_STACKS: {checks.Checked} remembered stacks were walked as well, {checks.Different} differed");
    }

    public void Dispose()
    {
        _watch.Dispose();
        _ring.Dispose();
    }
}
