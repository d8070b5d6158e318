using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Residency;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Tables;

/// <summary>The account of resident memory of a report, and the names of the code that it charges.</summary>
internal sealed class ResidentFacts
{
    /// <summary>Less is not worth a sentence.</summary>
    private const long LeastBytes = 1 << 20;

    private readonly FaultReport _report;
    private readonly ChargedCode _code;

    /// <param name="account">Of every fault of the trace.</param>
    /// <param name="code">Of the same trace.</param>
    public ResidentFacts(FaultReport report, MemoryAccount account, ChargedCode code)
    {
        (_report, Account, _code) = (report, account, code);
        account.Finish();
    }

    /// <summary>Counted in the report's own pass, if it sees all faults.</summary>
    public static Measure<MemoryAccount> Measure { get; }
        = new(plan => plan.Filter.IsEmpty && !plan.IsSample ? new MemoryAccount(plan.Metadata, plan.Index, TimeAggregate.AxisOf(plan)) : null);

    /// <summary>Otherwise in a pass of its own.</summary>
    public static FollowUp<MemoryAccount> FollowUp { get; } = FollowUpOf(null);

    public MemoryAccount Account { get; }

    /// <summary>The most that was resident at once.</summary>
    public long PeakBytes => Bytes(Account.Peak);

    /// <summary>Pages that were resident at the end, or when their process ended.</summary>
    public long KeptPages => Account.Owners.Sum(owner => owner.Kept);

    /// <summary>Resident pages at the end of each bucket of the time line.</summary>
    public IReadOnlyList<long> Totals => Account.Totals;

    /// <summary>There is much of it, and it is all of the report's: a filter leaves a part of the faults, and not of memory.</summary>
    public bool IsWorthASentence => _report.Filter.IsEmpty && PeakBytes >= LeastBytes;

    /// <summary>Pages may have become resident that the trace does not have.</summary>
    public bool IsLowerBound => WhyTooLow().Any() || _report.Metadata.Receipt.Lost + _report.Metadata.Receipt.Missed > 0;

    public long EndNs => _report.Plan.Window.ToNs;

    /// <summary>Null: not counted, or the trace cannot tell.</summary>
    public static ResidentFacts? Of(FaultReport report)
        => (report.Find(Measure) ?? report.Find(FollowUp)) is { } account ? new ResidentFacts(report, account, report.Code) : null;

    /// <summary>A pass of its own: whatever the report's filter, the account needs every fault.</summary>
    /// <param name="groups">See <see cref="MemoryAccount"/>.</param>
    public static FollowUp<MemoryAccount> FollowUpOf(Func<OwnerKey, IReadOnlyList<OwnerGroup>>? groups)
        => new(report =>
        {
            if (report.Plan.IsSample || (groups is null && report.Find(Measure) is not null))
                return null;
            var shared = new MemoryAccount(report.Metadata, report.Plan.Index, TimeAggregate.AxisOf(report.Plan), groups);
            return (FaultFilter.None, () => shared);
        });

    public static string? WhyEmpty(FaultReport report)
        => report.Sample is null ? null : "no account of resident memory: a sample lacks the faults in between, so which pages are resident is not known";

    /// <summary>The owners that the report's filter leaves, by pid and region.</summary>
    public IEnumerable<PageOwner> Owners
        => Account.Owners.Where(owner => _report.Filter.MayMeanProcess(owner.Key.Pid) && MatchesRegion(owner.Key.RegionId));

    /// <summary>Share of so many pages of those of the peak.</summary>
    public double ShareOfPeak(long pages) => Account.Peak == 0 ? 0 : (double)pages / Account.Peak;

    /// <summary>Bytes of so many pages.</summary>
    public long Bytes(long pages) => pages * _report.Metadata.PageSize;

    /// <inheritdoc cref="ChargedCode.NameOf(OwnerKey)"/>
    public CodeName NameOf(OwnerKey key) => _code.NameOf(key);

    /// <inheritdoc cref="ChargedCode.ReserverOf"/>
    public CodeName ReserverOf(OwnerKey key) => _code.ReserverOf(key, _report.Plan.Index);

    /// <inheritdoc cref="ChargedCode.SettingFor"/>
    public string? SettingFor(ReleaseSite site) => _code.SettingFor(site, PeakBytes);

    /// <inheritdoc cref="ChargedCode.NameOf(int?)"/>
    public CodeName NameOf(int? stack) => _code.NameOf(stack);

    /// <summary>"peak 241 MiB at 6.20 s; the kernel's own peak is 243 MiB", and what the account does not know.</summary>
    public string Note()
    {
        var parts = new List<string>
        {
            $"peak {Units.Bytes(Bytes(Account.Peak))} at {Units.Duration(Account.PeakNs)}, all processes together: every page counts where it is mapped",
        };
        if (Account.LazilyFreed > 0)
            parts.Add($"{Units.Bytes(Bytes(Account.LazilyFreed))} of it may be taken by the kernel at any time (MADV_FREE)");
        var reclaimed = Account.Processes.Sum(process => process.Reclaimed);
        if (reclaimed > 0)
        {
            parts.Add($"{Units.Of(reclaimed, "page")} had been taken meanwhile without a call (reclaim, swap) "
                + $"when {(reclaimed == 1 ? "it" : "they")} faulted again");
        }

        parts.AddRange(Limits());
        return string.Join("; ", parts);
    }

    /// <summary>Why the account may have more than was resident: sentences of what the trace does not tell.</summary>
    public IEnumerable<string> WhyTooHigh()
    {
        if (_report.Metadata.Releases is not { } releases)
            yield return "this trace does not tell what was given back within a mapping, so it may be less";
        else if (releases.Omitted > 0)
            yield return $"{Units.Of(releases.Omitted, "range")} that {(releases.Omitted == 1 ? "was" : "were")} given back found no room in the trace";
    }

    /// <summary>Why it may have less, but for lost faults.</summary>
    public IEnumerable<string> WhyTooLow()
    {
        if (_report.Metadata.PageTable is not { Recorded: true })
            yield return "without page-table facts, pages that came with another (huge pages, fault-around) are not known";
        if (WhyBeforeUnknown() is { } before)
            yield return before;
    }

    /// <summary>Null: what was resident before the recording is known.</summary>
    public string? WhyBeforeUnknown()
        => _report.Metadata.ResidentBefore is { OmittedPages: > 0 and var omitted }
            ? $"{Units.Of(omitted, "page")} of before the recording found no room in the trace"
            : _report.Metadata is { ResidentBefore: null, Target: not "command" } ? "what was resident before the recording is not known" : null;

    // What the trace cannot tell.
    private IEnumerable<string> Limits()
    {
        foreach (var limit in WhyTooHigh().Concat(WhyTooLow()))
            yield return limit;
        if (_report.Metadata.Receipt.Lost + _report.Metadata.Receipt.Missed > 0)
            yield return "faults were lost, so it is at least this";
        if (WhyFilterDoesNotApply(_report.Filter) is { } filter)
            yield return filter;
    }

    /// <summary>Null: the account can follow this filter.</summary>
    public static string? WhyFilterDoesNotApply(FaultFilter filter)
        => filter is { Tids.Count: > 0 } or { Comms.Count: > 0 } or { Kinds.Count: > 0 } or { Severities.Count: > 0 }
            ? "filters by thread, name and kind do not apply to resident memory"
            : null;

    private bool MatchesRegion(int id)
        => _report.Filter.Regions.Count == 0 || _report.Filter.Regions.Any(text => RegionNames.Matches(id, _report.Plan.Index.Find(id), text));
}
