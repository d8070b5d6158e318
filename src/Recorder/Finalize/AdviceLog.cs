using Faultrec.Recorder.Native;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Finalize;

/// <summary>
/// What programs told the kernel about how to serve faults in a range: madvise(2), registrations with userfaultfd. A
/// child inherits the advice (the flags of its mappings) but not the registration (dup_userfaultfd needs a feature); execve ends both.
/// </summary>
internal sealed class AdviceLog
{
    private const string HugePage = "hugepage";
    private const string NoHugePage = "nohugepage";
    private const string NoUserfaultfd = "userfaultfd_none";

    // Modes of UFFDIO_REGISTER, include/uapi/linux/userfaultfd.h.
    private static readonly (long Bit, string Advice)[] Modes = [(1, "userfaultfd_missing"), (2, "userfaultfd_wp"), (4, "userfaultfd_minor")];

    // Advice of madvise(2), include/uapi/asm-generic/mman-common.h.
    private static readonly Dictionary<long, string> OfMadvise = new() { [1] = "random", [12] = "mergeable", [14] = HugePage, [15] = NoHugePage };

    private readonly List<MemoryAdvice> _all = [];

    /// <summary>Other advice gives memory back: <see cref="ReleaseLog"/>.</summary>
    public static bool IsKept(in EventRecord record) => record.Type == EventType.Advise && OfMadvise.ContainsKey((uint)record.A2);

    public IReadOnlyList<MemoryAdvice> Build(Func<long, long> toTraceTime) => [.. _all.Select(advice => advice with { TimeNs = toTraceTime(advice.TimeNs) })];

    /// <summary>a = { start, length, advice of madvise(2) or mode of the registration }.</summary>
    public void Apply(in EventRecord record)
    {
        if (record.Type == EventType.Advise)
        {
            Add(record, OfMadvise[(uint)record.A2]);
            return;
        }

        if (record.A2 == 0)
            Add(record, NoUserfaultfd);
        foreach (var (bit, advice) in Modes)
        {
            if ((record.A2 & bit) != 0)
                Add(record, advice);
        }
    }

    public void Fork(int parentPid, int pid, long timeNs)
    {
        for (int i = 0, count = _all.Count; i < count; i++)
        {
            if (_all[i] is var advice && advice.Pid == parentPid && OfMadvise.ContainsValue(advice.Advice))
                _all.Add(advice with { Pid = pid, TimeNs = timeNs });
        }
    }

    public void Exec(int pid, long timeNs)
    {
        if (!_all.Exists(advice => advice.Pid == pid))
            return;
        _all.Add(new MemoryAdvice(pid, 0, ulong.MaxValue, NoHugePage, timeNs));
        _all.Add(new MemoryAdvice(pid, 0, ulong.MaxValue, NoUserfaultfd, timeNs));
    }

    private void Add(in EventRecord record, string advice)
        => _all.Add(new MemoryAdvice(record.Pid, (ulong)record.A0, (ulong)(record.A0 + record.A1), advice, record.TimeNs));
}
