using CsCheck;
using Faultrec.Analyzer.Residency;
using Faultrec.Analyzer.Scan;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Analyzer.Tests;

/// <summary>The account against one that keeps every page and every moment as it is.</summary>
public class ResidencyModelTests
{
    private const ulong Base = 0x7000_0000_0000;
    private const int Pages = 200;
    private const int Processes = 3;
    private const int Stacks = 8;
    private const long Everything = 1L << 52;

    private static readonly Gen<Step> Steps = Gen.Select(
        Gen.Int[0, 9], Gen.Int[0, Processes - 1], Gen.Int[0, Pages - 1], Gen.Int[1, 60], Gen.Int[0, Stacks - 1], Gen.Int[0, Pages - 1],
        (what, process, page, length, stack, to) => new Step(what, process, page, length, stack, to));

    [Fact]
    public void TheAccountIsThatOfEveryPageAtEveryMoment()
        => Gen.Select(Steps.Array[0, 120], Gen.Int[0, 120], Gen.Int[1, 60]).Sample((steps, from, length) =>
        {
            var model = new Model();
            var (faults, releases) = (new List<Fault>(), new List<(long TimeNs, string Call, int Pid, Step Step)>());
            var window = new FaultFilter { FromNs = from * 10L, ToNs = (from + length) * 10L };
            for (var i = 0; i < steps.Length; i++)
            {
                var (step, time) = (steps[i], (i + 1) * 10L);
                var pid = 10 + step.Process;
                model.At(time, window);
                switch (step.What)
                {
                    case <= 5:
                        faults.Add(new Fault(Base + ((ulong)step.Page << 12), 1 + step.Process)
                        {
                            Pid = pid,
                            Tid = pid,
                            TimeNs = time,
                            Stack = step.Stack,
                            Level = 0,
                            Entry = 0,
                            Pfn = 0x50,
                            Order = 0,
                        });
                        if (time < window.ToNs)
                            model.Touch(pid, step.Page, step.Stack);
                        break;
                    case <= 7:
                        releases.Add((time, "munmap", pid, step));
                        if (time < window.ToNs)
                            model.GiveBack(pid, step.Page, step.Length);
                        break;
                    case 8:
                        releases.Add((time, "mremap", pid, step));
                        if (time < window.ToNs)
                            model.Move(pid, step.Page, step.Length, step.To);
                        break;
                    default:
                        releases.Add((time, "execve", pid, step));
                        if (time < window.ToNs)
                            model.GiveBack(pid, 0, int.MaxValue);
                        break;
                }
            }

            model.At(window.ToNs!.Value, window);
            var report = Story.Report(Metadata(releases, steps.Length), [.. faults], window, groupSize: 7);

            var account = report.Memory!.Account;
            Assert.Equal(model.Resident, account.Resident);
            Assert.Equal(model.Peak, account.Peak);
            Assert.Equal(model.AtPeak, ByStack(account, owner => owner.PagesAtPeak(account.PeakNumber)));
            Assert.Equal(model.Now, ByStack(account, owner => owner.Pages));
            Assert.Equal(model.Grown, ByStack(account, owner => owner.NewPages));
            Assert.Equal(account.Peak, account.Owners.Sum(owner => owner.PagesAtPeak(account.PeakNumber)));
        }, iter: 600);

    private static SortedDictionary<int, long> ByStack(MemoryAccount account, Func<PageOwner, long> pages)
        => new(account.Owners.GroupBy(owner => owner.Key.Stack).ToDictionary(owners => owners.Key, owners => owners.Sum(pages))
            .Where(sum => sum.Value != 0).ToDictionary());

    private static TraceMetadata Metadata(List<(long TimeNs, string Call, int Pid, Step Step)> releases, int steps)
    {
        string[] calls = ["munmap", "mremap", "execve"];
        var regions = Enumerable.Range(0, Processes).Select(process => new Region
        {
            Id = 1 + process,
            Pid = 10 + process,
            Start = Base,
            End = Base + 0x1000_0000,
            Prot = "rw-p",
            Name = "[anon]",
            BornNs = 0,
        });
        return Story.Metadata([.. regions]) with
        {
            DurationNs = (steps + 2) * 10L,
            PageTable = new PageTableRecording(true, null, 4, "kallsyms", 7),
            Processes = [.. Enumerable.Range(0, Processes).Select(process => new ProcessEntry { Pid = 10 + process, Comm = "app" })],
            Threads = [],
            Stacks = new StackTable(
                [], [new StackFrame { Kind = "user" }], [.. Enumerable.Repeat(-1, Stacks)], [.. Enumerable.Repeat(0, Stacks)]),
            Releases = new ReleaseTable(
                calls,
                [.. releases.Select((one, i) => one.TimeNs - (i == 0 ? 0 : releases[i - 1].TimeNs))],
                [.. releases.Select(one => one.Pid)],
                [.. releases.Select(one => Array.IndexOf(calls, one.Call))],
                [.. releases.Select(one => one.Call == "execve" ? 0 : (long)(Base >> 12) + one.Step.Page)],
                [.. releases.Select(one => one.Call == "execve" ? Everything : one.Step.Length)],
                [.. releases.Select(one => one.Call == "mremap" ? (long)(Base >> 12) + one.Step.To : -1)],
                [.. releases.Select(_ => -1)],
                0,
                0),
        };
    }

    private sealed record Step(int What, int Process, int Page, int Length, int Stack, int To);

    private sealed class Model
    {
        private readonly Dictionary<(int Pid, int Page), (int Stack, bool IsNew)> _pages = [];
        private bool _isInWindow;

        public long Peak { get; private set; }

        public SortedDictionary<int, long> AtPeak { get; private set; } = [];

        public long Resident => _pages.Count;

        public SortedDictionary<int, long> Now => Count(_ => true);

        public SortedDictionary<int, long> Grown => Count(page => page.IsNew);

        public void At(long timeNs, FaultFilter window)
        {
            if (_isInWindow || timeNs < window.FromNs)
                return;
            _isInWindow = true;
            foreach (var page in _pages.Keys.ToList())
                _pages[page] = _pages[page] with { IsNew = false };
            (Peak, AtPeak) = (Resident, Now);
        }

        public void Touch(int pid, int page, int stack)
        {
            // The fault found nothing there: whatever was has gone meanwhile.
            _pages[(pid, page)] = (stack, _isInWindow);
            if (Resident <= Peak)
                return;
            (Peak, AtPeak) = (Resident, Now);
        }

        public void GiveBack(int pid, int first, long pages)
        {
            foreach (var page in _pages.Keys.Where(page => page.Pid == pid && page.Page >= first && page.Page < first + pages).ToList())
                _pages.Remove(page);
        }

        public void Move(int pid, int first, int pages, int to)
        {
            var moved = _pages.Where(page => page.Key.Pid == pid && page.Key.Page >= first && page.Key.Page < first + pages).ToList();
            foreach (var page in moved)
                _pages.Remove(page.Key);
            foreach (var page in moved)
                _pages[(pid, page.Key.Page - first + to)] = page.Value;
        }

        private SortedDictionary<int, long> Count(Func<(int Stack, bool IsNew), bool> counts)
            => new(_pages.Values.Where(counts).GroupBy(page => page.Stack).ToDictionary(pages => pages.Key, pages => (long)pages.Count()));
    }
}
