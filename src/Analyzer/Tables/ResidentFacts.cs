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

    private const string NoStack = "[no stack]";
    private const string Before = "[before the recording]";
    private const string UnknownReserver = "[not known]";

    private readonly FaultReport _report;
    private readonly FrameNames? _names;
    private readonly OwnCode? _own;

    private ResidentFacts(FaultReport report, MemoryAccount account)
    {
        (_report, Account) = (report, account);
        account.Finish();
        if (report.Metadata.Stacks is not { } table)
            return;
        _names = new FrameNames(table);
        _own = new OwnCode(table, _names);
    }

    /// <summary>Counted in the report's own pass, if it sees all faults.</summary>
    public static Measure<MemoryAccount> Measure { get; }
        = new(plan => plan.Filter.IsEmpty && !plan.IsSample ? new MemoryAccount(plan.Metadata, plan.Index, TimeAggregate.AxisOf(plan)) : null);

    /// <summary>Otherwise in a pass of its own: whatever the report's filter, the account needs every fault.</summary>
    public static FollowUp<MemoryAccount> FollowUp { get; } = new(report =>
    {
        if (report.Plan.IsSample || report.Find(Measure) is not null)
            return null;
        var shared = new MemoryAccount(report.Metadata, report.Plan.Index, TimeAggregate.AxisOf(report.Plan));
        return (FaultFilter.None, () => shared);
    });

    public MemoryAccount Account { get; }

    /// <summary>The most that was resident at once.</summary>
    public long PeakBytes => Bytes(Account.Peak);

    /// <summary>Resident pages at the end of each bucket of the time line.</summary>
    public IReadOnlyList<long> Totals => Account.Totals;

    /// <summary>There is much of it, and it is all of the report's: a filter leaves a part of the faults, and not of memory.</summary>
    public bool IsWorthASentence => _report.Filter.IsEmpty && Bytes(Account.Peak) >= LeastBytes;

    public long EndNs => _report.Plan.Window.ToNs;

    /// <summary>Null: not counted, or the trace cannot tell.</summary>
    public static ResidentFacts? Of(FaultReport report)
        => (report.Find(Measure) ?? report.Find(FollowUp)) is { } account ? new ResidentFacts(report, account) : null;

    public static string? WhyEmpty(FaultReport report)
        => report.Sample is null ? null : "no account of resident memory: a sample lacks the faults in between, so which pages are resident is not known";

    /// <summary>The owners that the report's filter leaves, by pid and region.</summary>
    public IEnumerable<PageOwner> Owners
        => Account.Owners.Where(owner => _report.Filter.MayMeanProcess(owner.Key.Pid) && MatchesRegion(owner.Key.RegionId));

    /// <summary>Bytes of so many pages.</summary>
    public long Bytes(long pages) => pages * _report.Metadata.PageSize;

    /// <summary>A line of the program, or what stands for it where there is no stack.</summary>
    public CodeName NameOf(OwnerKey key)
        => key.Cause == BirthCause.Before ? new CodeName(-2, Before, null)
            : NameOf(key.Stack) is var name && key.Cause == BirthCause.Fork ? name with { Line = -3 - name.Line, Name = $"{name.Name}, copied by fork" }
            : name;

    /// <summary>The line of the program that reserved the memory, or what stands for it where that is not known.</summary>
    public CodeName ReserverOf(OwnerKey key)
    {
        // In files older than mapper_stack_id there is one mapper per region.
        var stack = key.MapperStack >= 0 ? key.MapperStack : _report.Plan.Index.Find(key.RegionId)?.MapperStack ?? -1;
        return _names is not null && (uint)stack < (uint)_report.Metadata.Stacks!.NodeFrames.Count && _own!.UserFrameOf(stack) is { } frame
            ? new CodeName(_names.LineIdOf(frame), _names.Long(frame), null)
            : new CodeName(-1, UnknownReserver, null);
    }

    /// <summary>With which setting of an allocator or a runtime this memory would have been kept; null: none is known to have given it back.</summary>
    public string? SettingFor(ReleaseSite site)
        => site.Stack is { } stack && _report.Metadata.Stacks is { } table && (uint)stack < (uint)table.NodeFrames.Count
            ? MemoryManagers.SettingFor(site.Call, [.. _names!.FramesOf(stack).Select(frame => table.Frames[frame])], frame => _names.ModuleOf(frame)?.Path)
            : null;

    /// <param name="stack">Null or negative: none.</param>
    public CodeName NameOf(int? stack)
    {
        if (_names is null || stack is not { } node || (uint)node >= (uint)_report.Metadata.Stacks!.NodeFrames.Count)
            return new CodeName(-1, NoStack, null);
        var frame = _own!.FrameOf(node);
        var function = _names.Function(_names.FunctionIdOf(_report.Metadata.Stacks.NodeFrames[node])).Name;
        return new CodeName(_names.LineIdOf(frame), _names.Long(frame), function == _names.Function(_names.FunctionIdOf(frame)).Name ? null : function);
    }

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

    /// <summary>Pages may have become resident that the trace does not have.</summary>
    public bool IsLowerBound => _report.Metadata.PageTable is not { Recorded: true } || _report.Metadata.Receipt.Lost + _report.Metadata.Receipt.Missed > 0
        || _report.Metadata is { ResidentBefore: null, Target: not "command" };

    // What the trace cannot tell.
    private IEnumerable<string> Limits()
    {
        if (_report.Metadata.Releases is not { } releases)
            yield return "this trace does not tell what was given back within a mapping, so it may be less";
        else if (releases.Omitted > 0)
            yield return $"{Units.Of(releases.Omitted, "range")} that {(releases.Omitted == 1 ? "was" : "were")} given back found no room in the trace";
        if (_report.Metadata.PageTable is not { Recorded: true })
            yield return "without page-table facts, pages that came with another (huge pages, fault-around) are not known";
        if (_report.Metadata.Receipt.Lost + _report.Metadata.Receipt.Missed > 0)
            yield return "faults were lost, so it is at least this";
        if (_report.Metadata.ResidentBefore is { OmittedPages: > 0 and var omitted })
            yield return $"{Units.Of(omitted, "page")} of before the recording found no room in the trace";
        else if (_report.Metadata is { ResidentBefore: null, Target: not "command" })
            yield return "what was resident before the recording is not known";
        if (_report.Filter is { Tids.Count: > 0 } or { Comms.Count: > 0 } or { Kinds.Count: > 0 } or { Severities.Count: > 0 })
            yield return "filters by thread, name and kind do not apply to resident memory";
    }

    private bool MatchesRegion(int id)
        => _report.Filter.Regions.Count == 0 || _report.Filter.Regions.Any(text => RegionNames.Matches(id, _report.Plan.Index.Find(id), text));
}

/// <summary>What resident memory is charged to.</summary>
/// <param name="Line">Equal numbers are one line of code.</param>
/// <param name="Through">The innermost function, if it is another one.</param>
internal readonly record struct CodeName(int Line, string Name, string? Through);
