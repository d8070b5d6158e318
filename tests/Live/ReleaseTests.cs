using System.Text.Json.Nodes;
using Faultrec.Traces.Metadata;

namespace Faultrec.Live.Tests;

/// <summary>Memory that a program gives back or moves, as the program itself says.</summary>
public sealed class ReleaseTests : LiveTest
{
    private const int Pages = 256;

    [Fact]
    public void EachFunctionGaveBackWhatItSays()
    {
        var (said, rows) = RecordFixture("releases", $"{Pages}");

        var releases = rows.Metadata.Releases!;
        Assert.Equal((0, 0), (releases.Omitted, releases.OmittedPages));
        foreach (var (function, expected) in Expected(said))
            Assert.Equal(expected, Joined(releases.All().Where(release => IsBy(rows, release, function))));
        var last = releases.All().Last();
        Assert.Equal(("exit", 0L, null), (last.Call, last.FirstPage, last.Stack));
    }

    /// <summary>Then the dynamic linker's calls cannot be told from the program's: only the program's own memory is looked at.</summary>
    [Fact]
    public void WithoutStacksTheRangesAreTheSame()
    {
        var result = Running.ToEnd(
            InFolder, Checkout.Faultrec, ["record", "--no-stacks", "-o", TracePath, "--", Checkout.Fixture("releases"), $"{Pages}"]);
        var said = Said(result.Output);
        var rows = Rows.Read(TracePath);

        var home = (long)(Address(said, "home") >> 12);
        var own = Expected(said).SelectMany(part => part.Expected).Where(range => range.First >= home && range.First < home + Pages).ToList();
        var releases = rows.Metadata.Releases!.All().ToList();
        Assert.Equal(own.Order(), Joined(releases.Where(release => release.FirstPage >= home && release.FirstPage < home + Pages)).Order());
        Assert.Contains(("brk", (long)(Address(said, "heap") >> 12), Number(said, "pages"), null), Joined(releases));
        Assert.All(releases, release => Assert.Null(release.Stack));
        Assert.Null(rows.Metadata.Stacks);
    }

    [Fact]
    public void EachProgramOfAChainGivesBackEverything()
    {
        const int depth = 3;

        var (_, rows) = RecordFixture("exec_chain", $"{depth}", "20");

        var whole = rows.Metadata.Releases!.All().Where(release => release.Call is "execve" or "exit").ToList();
        Assert.Equal([.. Enumerable.Repeat("execve", depth), "exit"], whole.Select(release => release.Call));
        Assert.Equal(whole[^1].TimeNs, Assert.Single(rows.Metadata.Processes).ExitedNs);
    }

    private static IEnumerable<(string Function, (string Call, long First, long Pages, long? To)[] Expected)> Expected(JsonObject said)
    {
        var pages = Number(said, "pages");
        long Page(string what) => (long)(Address(said, what) >> 12);
        long Part(int index) => Page("home") + index * pages;
        return
        [
            ("by_munmap", [("munmap", Part(0) + pages / 2, pages / 2, null)]),
            ("by_dontneed", [("madvise dontneed", Part(1), pages, null)]),
            ("by_free", [("madvise free", Part(2), pages, null)]),
            ("over_a_hole", [("munmap", Part(4) - 1, 1, null), ("madvise dontneed", Part(3), pages, null)]),
            ("by_shrinking", [("mremap", Part(4) + 1, pages - 1, null)]),
            ("by_moving", [("mremap", Part(6), pages, null), ("mremap", Part(5), pages, Part(6))]),
            ("by_mapping_over", [("munmap", Part(8), pages, null), ("mmap", Part(8) - pages / 2, pages / 2, null)]),
            ("by_brk", [("brk", Page("heap"), pages, null)]),
            ("by_shmdt", [("shmdt", Page("attached"), pages, null)]),
        ];
    }

    private static bool IsBy(Rows rows, Release release, string function)
        => release.Stack is { } stack && rows.Metadata.Stacks!.FramesOf(stack).Any(frame => frame.Function == function);

    /// <summary>A loop of calls is one release, or several on a busy machine.</summary>
    private static List<(string Call, long First, long Pages, long? To)> Joined(IEnumerable<Release> releases)
    {
        var joined = new List<(string Call, long First, long Pages, long? To)>();
        foreach (var release in releases)
        {
            if (joined is [.., var last] && last.Call == release.Call && last.To is null && release.ToPage is null
                && release.FirstPage + release.Pages == last.First)
            {
                joined[^1] = last with { First = release.FirstPage, Pages = last.Pages + release.Pages };
            }
            else
            {
                joined.Add((release.Call, release.FirstPage, release.Pages, release.ToPage));
            }
        }

        return joined;
    }
}
