namespace Faultrec.Recorder.Doctor;

/// <param name="Name">A function, or the tracepoints and events that take its place.</param>
/// <param name="By">How it can be traced.</param>
/// <param name="Tried">False when the user may not attach anything, so that it could only be looked up.</param>
/// <param name="Shows">How the wanted function's calls can be recognized there.</param>
public sealed record Substitute(string Name, IReadOnlyList<string> By, bool Tried, string Shows);

/// <summary>What can be traced here, by name; actually tried if the user may attach.</summary>
internal interface ITraceable
{
    bool Tries { get; }

    IReadOnlyList<string> Function(string name);

    bool Tracepoint(string name);

    bool FaultCounters { get; }
}

/// <summary>The nearest thing that can be traced instead of a function.</summary>
internal static class Substitutes
{
    private const string Counters = "software events page-faults-min and page-faults-maj";

    public static Substitute? Choose(FunctionFacts facts, ITraceable here)
        => Variant(facts, here) ?? (FaultPath.Find(facts.Name) is { } known ? OnFaultPath(known, here) : null);

    /// <summary>
    /// Traceable functions with similar names, for a function whose callers are not known: a hint, not a substitute. Only
    /// a few are tried.
    /// </summary>
    public static IReadOnlyList<string> Suggestions(FunctionFacts facts, ITraceable here)
        => [.. facts.Similar.Where(name => here.Function(name) is [_, ..]).Take(3)];

    // A copy is the function itself under another name; a part or the cold rest is not.
    private static Substitute? Variant(FunctionFacts facts, ITraceable here)
    {
        if (!facts.IsMissing)
            return null;
        foreach (var variant in facts.Symbol!.Variants.Where(IsCopy))
        {
            if (here.Function(variant) is [_, ..] by)
                return new(variant, by, here.Tries, "the same function as rewritten by the compiler: its arguments may differ from the source");
        }

        return null;
    }

    private static bool IsCopy(string variant)
        => !variant.Contains(".cold", StringComparison.Ordinal) && !variant.Contains(".part.", StringComparison.Ordinal);

    private static Substitute? OnFaultPath(FaultPathFunction wanted, ITraceable here)
    {
        var askedTracepoints = false;
        foreach (var candidate in FaultPath.Towards(wanted))
        {
            // At the entry the tracepoints are nearer than handle_mm_fault, which get_user_pages calls, too.
            if (wanted.IsEntry && candidate.Name == FaultPath.Centre)
            {
                askedTracepoints = true;
                if (Events(wanted, here) is { } events)
                    return events;
            }

            if (here.Function(candidate.Name) is [_, ..] by)
                return new(candidate.Name, by, here.Tries, $"{FaultPath.Gives(candidate.Name)}; the calls of {wanted.Name} are {wanted.Calls}");
        }

        return askedTracepoints ? null : Events(wanted, here);
    }

    private static Substitute? Events(FaultPathFunction wanted, ITraceable here)
    {
        // Both fire in the x86 entry code; user mode and kernel mode have one each.
        var atEntry = here.Tracepoint("page_fault_user") && here.Tracepoint("page_fault_kernel");
        var counters = here.FaultCounters;
        return (atEntry, counters) switch
        {
            (true, true) => new(
                $"tracepoints exceptions:page_fault_user and page_fault_kernel, {Counters}", [Mechanism.Tracepoint, Mechanism.SoftwareEvent], here.Tries,
                $"address, error code and instruction at entry, minor or major at completion; the calls of {wanted.Name} are {wanted.Calls}"),
            (true, false) => new(
                "tracepoints exceptions:page_fault_user and page_fault_kernel", [Mechanism.Tracepoint], here.Tries,
                $"address, error code and instruction at entry; the calls of {wanted.Name} are {wanted.Calls}"),
            (false, true) => new(
                Counters, [Mechanism.SoftwareEvent], here.Tries, $"address and instruction at completion; the calls of {wanted.Name} are {wanted.Calls}"),
            _ => null,
        };
    }
}
