using System.Globalization;
using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Screen;

/// <summary>What a sentence is about.</summary>
internal enum Topic
{
    /// <summary>A process died of a fault.</summary>
    Death,

    /// <summary>Faults are missing from the trace.</summary>
    Missing,

    /// <summary>Faults inside system calls, which have no row, are as many as those that have.</summary>
    Unseen,

    /// <summary>Threads wait in faults.</summary>
    Waiting,

    /// <summary>Most faults come from forks.</summary>
    Fork,

    /// <summary>How long faults took.</summary>
    Time,

    /// <summary>Accesses were refused, and the program went on.</summary>
    Refused,

    /// <summary>Memory is given back and touched again.</summary>
    Churn,

    /// <summary>A limit of memory was met.</summary>
    Limit,

    /// <summary>One thread makes the first faults in what others use.</summary>
    FirstTouch,

    /// <summary>How resident memory moved.</summary>
    Memory,
}

internal sealed record Lead(Topic Topic, string Text);

/// <summary>The sentences that lead, in the order of what matters: a death, what is missing, waiting, forks, refused accesses, time or memory.</summary>
internal static class Leads
{
    /// <summary>Of all faults: with more missing, the picture may be another.</summary>
    private const double MissingShare = 0.01;

    /// <summary>Of faults or of their time: what has more is most of it.</summary>
    private const double Most = 0.5;

    /// <summary>Of the recording: time in faults that matters more than memory.</summary>
    private const double MuchTime = 0.1;

    /// <summary>Of the recording: time in faults that does not matter.</summary>
    private const double LittleTime = 0.02;

    /// <summary>Less memory is not worth a sentence on a screen.</summary>
    public const long LeastBytes = 16 << 20;

    private const double Same = 0.01;

    private const int NameWidth = 50;

    public static IReadOnlyList<Lead> Of(FaultReport report)
    {
        var leads = new List<Lead>();
        Add(Topic.Death, Death.Of(report));
        Add(Topic.Death, Shortage.Kills(report));
        Add(Topic.Missing, Missing(report));
        Add(Topic.Unseen, IsAboutUnseen(report) ? UnseenSentence.Of(report.Metadata) : null);
        Add(Topic.Waiting, Waiting.Of(report));
        Add(Topic.Fork, Fork(report));
        Add(Topic.Refused, Refused(report));
        // How long faults took stands in the line of costs: what says more about it leads.
        var time = leads.Count == 0 ? Time(report) : null;
        var isSlow = report.FaultTime.ShareOfWall >= MuchTime;
        if (isSlow)
            Add(Topic.Time, time);
        Add(Topic.Limit, Shortage.Of(report, isSlow || leads.Any(lead => lead.Topic == Topic.Waiting)));
        Add(Topic.FirstTouch, FirstToucher.Of(report));
        Add(Topic.Churn, Churn(report));
        Add(Topic.Memory, Memory(report));
        if (!isSlow)
            Add(Topic.Time, time);
        return leads;

        void Add(Topic subject, string? text)
        {
            if (text is not null)
                leads.Add(new Lead(subject, text));
        }
    }

    /// <summary>There is so much resident memory that it is worth a sentence, and a drawing.</summary>
    public static bool HasMuchMemory(FaultReport report) => report.Memory is { IsWorthASentence: true } memory && memory.PeakBytes >= LeastBytes;

    /// <summary>Most faults have no row.</summary>
    public static bool IsAboutUnseen(FaultReport report) => report.Filter.IsEmpty && UnseenSentence.ShareOf(report.Metadata.Receipt) >= Most;

    private static string? Missing(FaultReport report)
    {
        var receipt = report.Metadata.Receipt;
        var missing = receipt.Lost + receipt.Missed;
        var all = receipt.Events + receipt.SampledOut + missing;
        return missing > MissingShare * all
            ? $"{Units.Percent((double)missing / all)} of the faults ({Units.Count(missing)}) are missing here, so every share may be off by as much."
            : null;
    }

    private static string? Fork(FaultReport report)
    {
        if (FamilyShare.Of(report).FirstOrDefault(family => family.Family == KindFamily.Fork) is not { } fork || fork.LargerShare < Most)
            return null;
        var copies = report.Rows(KindTable.Definition).Where(row => KindFamily.Fork.Kinds.Contains(row.Kind)).Sum(row => row.Counts.Faults);
        var time = fork.TimeShare is { } share ? $" and {Units.Percent(share)} of their time" : "";
        var reused = fork.Faults > copies ? $", {Units.Count(fork.Faults - copies)} made writable again" : "";
        return $"{Units.Percent(fork.Share)} of the faults{time} are the price of forks: {Units.Of(copies, "page")} copied at the first write{reused}.";
    }

    /// <summary>A signal each: what its delivery and its handler took is no time of a fault.</summary>
    private static string? Refused(FaultReport report)
    {
        var survived = Survived(report);
        return survived >= Most * report.Totals.Counts.Faults
            ? $"{Units.Percent((double)survived / report.Totals.Counts.Faults)} of the faults ({Units.Count(survived)}) were refused accesses that the program "
                + "survived: each raised a signal, whose handling is not in the times here."
            : null;
    }

    /// <summary>Failed faults of user mode that ended no process; in kernel mode a failed access raises no signal.</summary>
    private static long Survived(FaultReport report)
        => report.Rows(KindTable.Definition).Where(row => row.Kind is FaultKind.Failed or FaultKind.BusError).Sum(row => row.Counts.Faults - row.ByKernel)
            - (report.Find(FatalAggregate.Measure)?.Faults.Count ?? 0);

    /// <summary>Memory that was resident at the same place before.</summary>
    private static string? Churn(FaultReport report)
    {
        var all = report.Totals.Counts.Faults;
        if (!report.Filter.IsEmpty || report.Sample is not null || report.Memory is null || !(report.FaultTime.ShareOfWall >= LittleTime))
            return null;
        var rows = report.Rows(ChurnTable.Definition);
        var faults = rows.Sum(row => row.Faults);
        if (faults < Most * all)
            return null;
        var most = rows.GroupBy(row => (row.Call, row.Releaser)).MaxBy(group => group.Sum(row => row.Faults))!;
        var share = (double)most.Sum(row => row.Faults) / faults;
        var of = share >= 1 - Same ? "" : $", {Units.Percent(share)} of it";
        return $"{Units.Percent((double)faults / all)} of the faults touched memory again that had been given back{of} by "
            + $"{most.Key.Call} in {Columns.CutMiddle(most.Key.Releaser, NameWidth)}.";
    }

    private static string Time(FaultReport report)
    {
        var (about, counts) = (report.Sample is null ? "" : "about ", report.Totals.Counts);
        if (report.FaultTime is not { SumNs: { } sum, ShareOfWall: { } share })
            return $"{Sentence($"{about}{Units.Of(counts.Faults, "fault")}")} on {Units.Of(report.Totals.DistinctPages, "distinct page")}.";
        if (share > 1)
        {
            return $"Page faults took {about}{Units.Duration(sum)} of the threads' time in {Units.Duration(report.FaultTime.WallNs)}: "
                + $"at an average moment, {share.ToString("0.0", CultureInfo.InvariantCulture)} threads were in one.";
        }

        var unseen = UnseenSentence.CountOf(report.Metadata.Receipt);
        var isLittle = share < LittleTime && report.Metadata.Receipt.Lost + report.Metadata.Receipt.Missed + unseen <= MissingShare * counts.Faults
            && Survived(report) <= MissingShare * counts.Faults;
        var longest = report.Totals.Latency.MaxNs is { } max ? $"; the longest took {Units.Duration(max)}" : "";
        return $"Page faults took {about}{Units.Duration(sum)} of {Units.Duration(report.FaultTime.WallNs)}"
            + $"{(isLittle ? $": too little to explain a slow run{longest}" : "")}.";
    }

    private static string? Memory(FaultReport report)
    {
        if (!HasMuchMemory(report))
            return null;
        var memory = report.Memory!;
        var (account, axis) = (memory.Account, TimeAggregate.AxisOf(report.Plan));
        // That a process leaves nothing behind when it ends is no fall of its memory.
        var largest = account.Processes.MaxBy(process => process.Peak)!;
        var ended = report.Metadata.Processes.LastOrDefault(process => process.Pid == largest.Pid)?.ExitedNs;
        var lived = memory.Totals.Where((_, bucket) => ended is null || axis.StartNs(bucket) + axis.LengthNs(bucket) <= ended);
        var most = $"{(memory.IsLowerBound ? "at least " : "")}{Units.Bytes(memory.PeakBytes)}{Kernel(report, memory)}";
        var shape = MemoryShape.Describe([.. lived.Select(memory.Bytes)], axis.BucketNs, memory.PeakBytes, account.PeakNs, most);
        var isOne = largest.Peak >= (1 - Same) * account.Peak;
        // What each of several processes kept to its own end was not there at the end of all.
        var kept = isOne && !shape.Contains("fell to", StringComparison.Ordinal) ? Kept(report, memory) : "";
        return $"Memory {shape}{(isOne ? "" : ", all processes together")}{OfFiles(report, memory)}{kept}.";
    }

    /// <summary>Pages that the process has only mapped: of private mappings they may be its own copies.</summary>
    private static string OfFiles(FaultReport report, ResidentFacts memory)
    {
        var peak = memory.Account.PeakNumber;
        var pages = memory.Owners.Where(owner => report.Plan.Index.Find(owner.Key.RegionId) is { } region
            && MappingFacts.Of(region) is { Backing: MappingBacking.File, IsShared: true }).Sum(owner => owner.PagesAtPeak(peak));
        return memory.ShareOfPeak(pages) >= Most ? $"; {Units.Percent(memory.ShareOfPeak(pages))} of it were pages of shared mappings of files" : "";
    }

    private static string Kernel(FaultReport report, ResidentFacts memory)
        => MemorySentence.OnlyProcess(report) is { KernelPeakBytes: { } bytes } first
            && Math.Abs(bytes - memory.PeakBytes) > Math.Max(Same * bytes, 1 << 20)
            // What was read before the end can be of before the peak.
            && (bytes > memory.PeakBytes || report.Metadata.Memory.Any(kernel => kernel.Pid == first.Pid && kernel.HasExit))
            ? $" (the kernel counted {Units.Bytes(bytes)})"
            : "";

    private static string Kept(FaultReport report, ResidentFacts memory)
    {
        if (report.Metadata.Releases is null)
            return "";
        var kept = memory.KeptPages;
        return kept >= (1 - Same) * memory.Account.Peak ? "; all of it stayed to the end" : $"; {Units.Bytes(memory.Bytes(kept))} stayed to the end";
    }

    private static string Sentence(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
