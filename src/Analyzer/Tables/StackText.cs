using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Text;
using Faultrec.Traces;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tables;

/// <summary>Sentences about how stacks were taken.</summary>
internal static class StackText
{
    private const string JavaHint =
        "Java methods have no names: run java with -XX:+UnlockDiagnosticVMOptions -XX:+DumpPerfMapAtExit (JDK 17 and later)";

    /// <summary>"stacks: 990 whole, 8 cut short, 2 lost"; null where they were not asked for.</summary>
    public static string? Describe(StackRecording? recording) => recording switch
    {
        null => null,
        { Reason: { } reason } => $"not recorded: {reason}",
        _ => $"{Units.Count(recording.Complete)} walked to the thread's outermost frame, {Units.Count(recording.Truncated)} cut short, "
            + $"{Units.Count(recording.Lost)} lost",
    };

    /// <summary>Why no table names code although stacks were asked for; null if one does.</summary>
    public static string? Caveat(FaultReport report) => report switch
    {
        { Metadata.StackRecording: { Reason: { } reason } } => $"stacks were asked for but could not be recorded: {reason}",
        { Metadata: { StackRecording: { } recording, Stacks: null } } => $"stacks were asked for but none could be taken: {Describe(recording)}",
        { Stacks: { } stacks } when report.Rows(ToucherTable.Definition).Count == 0 && stacks.WithoutStack.Faults > 0
            => $"none of these faults has a stack; stacks of the whole recording: {Describe(report.Metadata.StackRecording) ?? "nothing is known"}",
        _ => null,
    };

    /// <summary>What must be said under a table of stacks; null without stacks.</summary>
    public static string? Note(FaultReport report)
    {
        if (report.Stacks is not { } stacks)
            return null;
        var about = report.Sample is null ? "" : "about ";
        var without = stacks.WithoutStack.Faults;
        var note = without == 0 ? "every fault has a stack" : $"no stack: {about}{Units.Of(without, "fault")}";
        if (report.Metadata.StackRecording is { } recording)
        {
            note = $"{note}; stacks of the whole recording: {Describe(recording)}";
            if (recording.Warnings.Count > 0)
                note += $"; {Units.Of(recording.Warnings.Count, "warning")} in faultrec info";
        }

        return JavaCaveat(report) is { } java ? $"{note}; {java}" : note;
    }

    /// <summary>What to do about code of a Java virtual machine without names; null if there is none.</summary>
    public static string? JavaCaveat(FaultReport report) => report.Metadata.Stacks is { } table && HasUnnamedJava(table) ? JavaHint : null;

    // HotSpot lists its generated code only on request, and every variable that requests it also causes a line on stderr.
    private static bool HasUnnamedJava(StackTable table)
        => table.Modules.Any(module => FrameNames.FileName(module.Path) == "libjvm.so")
            && table.Frames.Any(frame => frame is { Kind: FrameKinds.Jit, Function: null });

    /// <param name="path">Of the trace, as the user gave it.</param>
    /// <exception cref="FaultrecException">The recording has no stacks: says why, and what to do.</exception>
    public static void Require(string path, TraceMetadata metadata)
    {
        if (WhyNone(metadata) is { } problem)
            throw new FaultrecException(ExitCode.BadInput, $"{path}: {problem}");
    }

    /// <summary>Why a report by stacks is not possible, and what to do; null if it is possible.</summary>
    public static string? WhyNone(TraceMetadata metadata) => metadata.Stacks is { NodeFrames.Count: > 0 } ? null
        : $"has no stacks ({metadata.StackRecording switch
        {
            null => "they were not recorded",
            { Reason: { } reason } => reason,
            _ => "none could be taken",
        }}); expected a recording with them; record again with faultrec record --stacks";
}
