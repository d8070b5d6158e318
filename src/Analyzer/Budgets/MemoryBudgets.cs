using Faultrec.Analyzer.Facts;
using Faultrec.Analyzer.Residency;
using Faultrec.Analyzer.Tables;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Files;

namespace Faultrec.Analyzer.Budgets;

/// <summary>
/// What budgets of resident memory are held against: the kernel's own peaks of processes, and the account for all else. The account may have too much or
/// too little where the trace does not tell; then it proves only a budget that it keeps, or breaks, all the same.
/// </summary>
internal sealed class MemoryBudgets
{
    private readonly FaultReport _report;
    private readonly ChargedCode _code;
    private readonly Dictionary<int, OwnerGroup> _processes = [];
    private readonly Dictionary<(string? Region, string? Code), OwnerGroup> _parts = [];
    private readonly ResidentFacts? _memory;

    private MemoryBudgets(TraceReader reader, FaultReport report, IEnumerable<Budget> budgets)
    {
        (_report, _code) = (report, new ChargedCode(report.Metadata));
        foreach (var budget in budgets)
            _parts.TryAdd(PartOf(budget), new OwnerGroup());
        if (ResidentFacts.FollowUpOf(GroupsOf).Run(reader, report) is MemoryAccount account)
            _memory = new ResidentFacts(report, account, _code);
    }

    /// <summary>Null: no budget is of memory, so nothing is counted.</summary>
    /// <param name="reader">Of the report's trace.</param>
    /// <param name="report">Of the whole trace.</param>
    public static MemoryBudgets? Of(TraceReader reader, FaultReport report, IReadOnlyList<Budget> budgets)
        => budgets.Any(budget => budget.IsOfMemory) ? new MemoryBudgets(reader, report, budgets.Where(budget => budget.IsOfMemory)) : null;

    /// <param name="budget">One of those it was made for.</param>
    public BudgetCheck Check(Budget budget)
    {
        if (ResidentFacts.WhyFilterDoesNotApply(_report.Filter) is { } whyNot)
            return Unknown(budget, whyNot);
        var isWhole = PartOf(budget) == default;
        if (budget.Code is not null && _report.Metadata.Stacks is null)
            return Unknown(budget, Assertion.NoStacks);
        if (isWhole && budget.Measure == BudgetMeasure.ResidentBytes)
            return CheckProcesses(budget);
        if (_memory is null)
            return Unknown(budget, ResidentFacts.WhyEmpty(_report)!);
        var group = _parts[PartOf(budget)];
        var isRss = budget.Measure == BudgetMeasure.ResidentBytes;
        var owners = _memory.Owners.Where(owner => isWhole || owner.IsIn(group)).ToList();
        var pages = isRss ? group.Peak : owners.Sum(owner => owner.Grown);
        var check = Judge(budget, _memory.Bytes(pages), isAccounted: true);
        if (owners.Count == 0 && !check.IsBroken)
        {
            var what = budget.Region is null ? "code" : "region";
            check = check with { Note = $"no {what} whose name contains this had resident memory: check the name" };
        }

        return WithCulprit(check, owners, owner => isRss ? owner.PagesAtPeak(group) : owner.Grown, null);
    }

    private static (string? Region, string? Code) PartOf(Budget budget) => (budget.Region, budget.Code);

    private static BudgetCheck Unknown(Budget budget, string why) => new(budget, null, true, why);

    private List<OwnerGroup> GroupsOf(OwnerKey key)
    {
        var groups = new List<OwnerGroup>();
        if (!_report.Filter.MayMeanProcess(key.Pid))
            return groups;
        foreach (var (part, group) in _parts)
        {
            if (part.Region is { } region && RegionNames.Of(_report.Plan.Index.Find(key.RegionId)).Contains(region, StringComparison.Ordinal))
                groups.Add(group);
            else if (part.Code is { } code && _code.NameOf(key).Name.Contains(code, StringComparison.Ordinal))
                groups.Add(group);
        }

        if (!_parts.ContainsKey(default))
            return groups;
        if (!_processes.TryGetValue(key.Pid, out var process))
            _processes.Add(key.Pid, process = new OwnerGroup());
        groups.Add(process);
        return groups;
    }

    // The kernel knows best; the account has processes whose counters were not read.
    private BudgetCheck CheckProcesses(Budget budget)
    {
        var peaks = new Dictionary<int, (long? Kernel, long? Accounted)>();
        foreach (var (pid, process) in _processes)
            peaks[pid] = (null, _memory?.Bytes(process.Peak));
        foreach (var memory in _report.Metadata.Memory.Where(memory => memory.PeakBytes is not null && !IsWindow && _report.Filter.MayMeanProcess(memory.Pid)))
        {
            var (kernel, accounted) = peaks.GetValueOrDefault(memory.Pid);
            peaks[memory.Pid] = (Math.Max(kernel ?? 0, memory.HighestBytes()), accounted);
        }

        if (peaks.Count == 0 && _memory is null)
            return Unknown(budget, $"{WhyNoKernelPeak}; {ResidentFacts.WhyEmpty(_report)}");
        var (largest, (ofKernel, ofAccount)) = peaks.OrderByDescending(peak => peak.Value.Kernel ?? peak.Value.Accounted ?? 0).ThenBy(peak => peak.Key)
            .FirstOrDefault();
        var check = Judge(budget, ofKernel ?? ofAccount ?? 0, isAccounted: ofKernel is null) with { Accounted = ofKernel is null ? null : ofAccount };
        if (!check.IsBroken && WhyUnproved(peaks) is { } why)
            check = Unknown(budget, why);
        else if (check.Found is not null && ofKernel is null)
            check = check with { Note = $"by the account: {WhyNoKernelPeak}" };
        return _processes.TryGetValue(largest, out var group)
            ? WithCulprit(check, _memory!.Account.Owners.Where(owner => owner.IsIn(group)), owner => owner.PagesAtPeak(group), largest)
            : check;
    }

    private bool IsWindow => _report.Filter is not { FromNs: null, ToNs: null };

    private string WhyNoKernelPeak
        => IsWindow ? "the kernel's own peak is of the whole life of a process" : "the kernel's counters of the largest process were not read";

    // That the largest known process keeps a budget does not prove that all do.
    private string? WhyUnproved(Dictionary<int, (long? Kernel, long? Accounted)> peaks)
    {
        if (_memory is not null)
            return peaks.Values.Any(peak => peak.Kernel is null) ? WhyNot(_memory.WhyTooLow()) : null;
        var unknown = _report.Metadata.Processes.Select(process => process.Pid).Distinct()
            .Count(pid => _report.Filter.MayMeanProcess(pid) && !peaks.ContainsKey(pid));
        return unknown == 0 ? null
            : $"the kernel's counters of {Units.Of(unknown, "process", "processes")} were not read; {ResidentFacts.WhyEmpty(_report)}";
    }

    private BudgetCheck Judge(Budget budget, long found, bool isAccounted)
    {
        var isKept = budget.IsKeptBy(found);
        var why = !isAccounted || _memory is null ? null
            // As a baseline, it must be neither too low nor too high.
            : double.IsPositiveInfinity(budget.Limit) ? WhyNot(_memory.WhyTooLow().Concat(_memory.WhyTooHigh()))
            : budget.Measure == BudgetMeasure.ResidentBytes ? WhyNot(isKept ? _memory.WhyTooLow() : _memory.WhyTooHigh())
            // A page of before the recording counts as new when it faults.
            : WhyNot(isKept ? _memory.WhyTooLow().Where(reason => reason != _memory.WhyBeforeUnknown())
                : _memory.WhyTooHigh().Append(_memory.WhyBeforeUnknown()).OfType<string>());
        return why is null ? new BudgetCheck(budget, found, !isKept, null) : Unknown(budget, $"the account has {budget.Format(found)}, but {why}");
    }

    private static string? WhyNot(IEnumerable<string> reasons) => string.Join("; ", reasons) is { Length: > 0 } text ? text : null;

    private BudgetCheck WithCulprit(BudgetCheck check, IEnumerable<PageOwner> owners, Func<PageOwner, long> pagesOf, int? pid)
    {
        if (!check.IsBroken || _report.Metadata.Stacks is null)
            return check;
        var worst = owners.GroupBy(owner => _code.NameOf(owner.Key).Line)
            .Select(line => (_code.NameOf(line.First().Key).Name, Pages: line.Sum(pagesOf)))
            .OrderByDescending(line => line.Pages).ThenBy(line => line.Name, StringComparer.Ordinal).FirstOrDefault();
        if (worst.Pages <= 0)
            return check;
        var comm = pid is { } known ? new TaskNames(_report.Metadata).Thread(known, known) : null;
        return check with { Culprit = new Culprit(worst.Name, _memory!.Bytes(worst.Pages), pid, comm) };
    }
}
