using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Screen;

/// <summary>
/// The answer in a few lines: why is it slow, why is it big, why did it die, and what to do. docs/report.md has the rule of every sentence. A renderer
/// leaves out what finds no room, in the order of <see cref="Statement.Rank"/>.
/// </summary>
internal static class FirstScreen
{
    /// <summary>Lines of a screen at most, the heading included.</summary>
    public const int MostLines = 14;

    private const double SmallestShare = 0.05;
    private const int MostSentences = 2;

    /// <summary>The tables that it reads, but for those of resident memory, which is counted along with them.</summary>
    public static IReadOnlyList<TableDefinition> Tables { get; }
        = [ToucherTable.Definition, RegionTable.Definition, ProcessTable.Definition, ThreadTable.Definition];

    /// <summary>What it counts beside them.</summary>
    public static IReadOnlyList<Measure> Measures { get; }
        = [ActivityAggregate.Measure, FatalAggregate.Measure, ForkAggregate.Measure, FirstToucherAggregate.Measure, .. FaultReport.ForFirstLines];

    /// <summary>What follows the heading.</summary>
    public static IReadOnlyList<Statement> Of(FaultReport report)
    {
        var statements = new List<Statement>();
        var receipt = report.Metadata.Receipt;
        if (!ReceiptText.IsComplete(receipt))
            statements.Add(new Statement("", ReceiptText.Describe(receipt), 0, Tone.Alarm));
        if (report.Metadata.Sampling is not null)
        {
            var all = Units.Of(receipt.Events + receipt.SampledOut, "fault");
            statements.Add(new Statement("sample", $"{Units.Count(receipt.Events)} of {all} were recorded: counts, shares and times are estimates", 1));
        }

        if (report.Totals.Counts.Faults == 0)
        {
            statements.Add(new Statement("", Finding.Describe(report), 0, Tone.Answer));
            return statements;
        }

        var leads = Leads.Of(report);
        statements.AddRange(leads.Take(MostSentences).Select((lead, i) => new Statement("", lead.Text, i, ToneOf(lead.Topic))));
        var topic = leads.FirstOrDefault(lead => lead.Topic is not (Topic.Death or Topic.Missing or Topic.Unseen))?.Topic;
        statements.AddRange(Drawing(report));
        statements.AddRange(Who(report, topic));
        if (report.Metadata.PageTable is { Recorded: true })
            statements.Add(new Statement("why", Why(report), 2));
        statements.Add(new Statement("cost", Cost.Describe(report), 3));
        statements.Add(new Statement("where", Places.Describe(report), 5));
        if (topic is not null && Remedy.Of(report) is { } remedy)
            statements.Add(new Statement("try", remedy, 3));
        foreach (var (note, i) in Notes(report, topic).Select((note, i) => (note, i)))
            statements.Add(new Statement(i == 0 ? "note" : "", note, 6));
        statements.Add(new Statement("more", More(report, topic), 4) { IsOneLine = true });
        return statements;
    }

    private static Tone ToneOf(Topic topic) => topic switch
    {
        Topic.Death or Topic.Missing => Tone.Alarm,
        Topic.Waiting => Tone.Wait,
        _ => Tone.Answer,
    };

    private static IEnumerable<Statement> Drawing(FaultReport report)
    {
        if (Leads.HasMuchMemory(report) && report.Memory is { } memory && memory.Totals.Count(pages => pages > 0) >= 2)
            yield return Line("memory", memory.Totals, $"  {Units.Bytes(memory.PeakBytes)}", 4);
        else if (report.Find(ActivityAggregate.Measure) is { } activity && activity.Faults.Count(faults => faults > 0) >= 2)
            yield return Line("faults", activity.Faults, "", 7);

        static Statement Line(string label, IReadOnlyList<long> values, string scale, int rank)
            => new(label, Sparkline.Of(values).TrimEnd() + scale, rank) { IsOneLine = true };
    }

    /// <summary>The lines of code to which most is charged: of memory or of forks, where the screen is about that, else of the time in all faults.</summary>
    private static IEnumerable<Statement> Who(FaultReport report, Topic? topic)
    {
        if (report.Find(FatalAggregate.Measure)?.Faults.Count > 0)
        {
            if (Death.Callers(report) is { } chain)
                yield return new Statement("who", chain, 2);
            yield break;
        }

        if (report.Metadata.Stacks is null || topic is null)
            yield break;
        var hasTime = report.Totals.Latency.SumNs is > 0;
        var shares = topic switch
        {
            Topic.Memory => OfMemory(report),
            Topic.Fork => OfFaults(report, report.Find(ForkAggregate.Measure)!.ByStack.Select(pair => (pair.Key, pair.Value)), hasTime),
            _ => OfFaults(report, report.Find(StackAggregate.Measure)!.ByStack.Select(pair => (pair.Stack, pair.Stats.Counts)), hasTime),
        };
        Func<long, string> unit = topic == Topic.Memory ? pages => Units.Bytes(report.Memory!.Bytes(pages))
            : hasTime ? ns => $"{Units.Duration(ns)} in {(topic == Topic.Fork ? "these " : "")}faults"
            : faults => Units.Of(faults, "fault");
        foreach (var (share, i) in shares.Largest(2, SmallestShare).Select((share, i) => (share, i)))
        {
            yield return new Statement(i == 0 ? "who" : "",
                $"{Units.Percent((double)share.Weight / shares.Total)}, {unit(share.Weight)}: {share.Code}", i == 0 ? 2 : 8);
        }
    }

    private static CodeShares OfMemory(FaultReport report)
    {
        var shares = new CodeShares(report.Code);
        foreach (var owner in report.Memory!.Owners)
            shares.Add(report.Memory.NameOf(owner.Key), owner.Key.Stack, owner.PagesAtPeak(report.Memory.Account.PeakNumber));
        return shares;
    }

    private static CodeShares OfFaults(FaultReport report, IEnumerable<(int Stack, FaultCounts Counts)> stacks, bool byTime)
    {
        var shares = new CodeShares(report.Code);
        foreach (var (stack, counts) in stacks)
            shares.Add(report.Code.NameOf(stack), stack, byTime ? counts.DurationNs : counts.Faults);
        return shares;
    }

    /// <summary>The families of kinds by faults, or by time where that tells another story.</summary>
    private static string Why(FaultReport report)
    {
        const double differs = 0.1;
        const int most = 4;
        const double least = 0.01;
        var families = FamilyShare.Of(report);
        if (families.Any(family => family.TimeShare is { } time && Math.Abs(time - family.Share) >= differs))
        {
            return "by time " + string.Join(" · ", families.OrderByDescending(family => family.TimeShare).Where(family => family.TimeShare >= least).Take(most)
                .Select(family => $"{Units.Percent(family.TimeShare!.Value)} {family.Family.Name} ({Units.Count(family.Faults)})"));
        }

        return string.Join(" · ", families.Where((family, i) => i == 0 || family.Share >= least).Take(most)
            .Select(family => $"{Units.Percent(family.Share)} {family.Family.Name}"));
    }

    private static IEnumerable<string> Notes(FaultReport report, Topic? topic)
    {
        if (!ReceiptText.IsPlain(report.Metadata.Receipt))
            yield return $"the recording is {ReceiptText.Verdict(report.Metadata.Receipt)}.";
        if (report.Filter.IsEmpty && !Leads.IsAboutUnseen(report) && UnseenSentence.Of(report.Metadata) is { } unseen)
            yield return unseen;
        if (RecordingLimits.Of(report.Metadata) is { Count: > 0 } limits)
            yield return string.Join("; ", limits) + ".";
        if (StackText.Caveat(report) is { } stacks)
            yield return stacks + ".";
        if (StackText.JavaCaveat(report) is { } java)
            yield return java + ".";
        if (topic == Topic.Memory && report.Metadata.Stacks is not null)
            yield return "memory is charged to the code that touched it first, which need not be the code that keeps it.";
    }

    private static string More(FaultReport report, Topic? topic)
    {
        var (first, second) = topic == Topic.Memory ? ("resident", "growth") : (report.Metadata.Stacks is null ? "kind" : "caller", "time");
        var about = $"--by {first} · --by {(report.Metadata.Marks.Any(mark => mark.IsByHand) ? "phase" : second)}";
        return $"report --full · {about} · export --to firefox";
    }
}
