using System.Globalization;
using System.Text.RegularExpressions;

namespace Faultrec.Live.Tests;

/// <summary>What the first screen says to try, followed to the letter: the faults fall as far as it said. docs/advice.md has the table.</summary>
public sealed partial class AdviceTests : LiveTest
{
    private const string Libraries = "/usr/lib/x86_64-linux-gnu/";
    private const string Jemalloc = "LD_PRELOAD=" + Libraries + "libjemalloc.so.2";
    private const string Tcmalloc = "LD_PRELOAD=" + Libraries + "libtcmalloc_minimal.so.4";

    /// <summary>Blocks below and above the first M_MMAP_THRESHOLD, above its largest value, and of other allocators.</summary>
    [Theory]
    [InlineData("20 8192 8", "glibc's free gave it back: (GLIBC_TUNABLES=glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=16777216) keeps it")]
    [InlineData("20 8192 1024", "glibc's free gave it back: (GLIBC_TUNABLES=glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=16777216) keeps it")]
    [InlineData("5 40960 40960", "glibc's free gave it back: (GLIBC_TUNABLES=glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=67108864) keeps it")]
    [InlineData("20 16384 8192", "jemalloc gave it back: (MALLOC_CONF=dirty_decay_ms:-1) keeps it", Jemalloc)]
    [InlineData("50 65536 32768", "tcmalloc gave it back: (TCMALLOC_RELEASE_RATE=0) keeps it", Tcmalloc)]
    public void AnAllocatorsSettingKeepsWhatItGaveBack(string arguments, string expected, params string[] environment)
    {
        string[] program = [Checkout.Fixture("trim_loop"), .. arguments.Split(' ')];
        var before = Record([.. environment, .. program]);
        var advice = Try();

        var match = Regex.Match(advice, $@"^{expected}; ([\d,]+) faults ");
        Assert.True(match.Success, advice);
        var again = Count(match.Groups[2].Value);
        var after = Record([.. environment, match.Groups[1].Value, .. program]);
        // What is not worth a hundredth is the setting's own.
        Assert.InRange(after, 1, before - again + (before / 100));
    }

    /// <summary>mimalloc has no setting that is known to help.</summary>
    [Fact]
    public void AnAllocatorWithoutAKnownSettingGetsNoneOfAnother()
    {
        Record(["LD_PRELOAD=" + Libraries + "libmimalloc.so.2", Checkout.Fixture("trim_loop"), "20", "65536", "65536"]);

        Assert.DoesNotContain("keeps it", Screen(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("map", "huge pages: madvise(MADV_HUGEPAGE)", "", "huge")]
    [InlineData("heap", "huge pages: GLIBC_TUNABLES=glibc.malloc.hugetlb=1", "GLIBC_TUNABLES=glibc.malloc.hugetlb=1", "heap")]
    public void HugePagesReplaceSmallOnes(string mode, string expected, string environment, string followed)
    {
        Record([Checkout.Fixture("advised"), mode]);
        var advice = Try();

        Assert.Contains(expected, advice, StringComparison.Ordinal);
        var match = AboutFaults().Match(advice);
        Assert.True(match.Success, advice);
        var (said, instead) = (Count(match.Groups[1].Value), Count(match.Groups[2].Value));
        var after = Record([.. environment.Length == 0 ? (string[])[] : [environment], Checkout.Fixture("advised"), followed]);
        // Where the heap begins, and so how much of its ends is in small pages, is another place each time.
        const int ends = 2 * 511;
        Assert.InRange(after, 1, said + (mode == "heap" ? ends : 0) + (instead / 100));
    }

    /// <summary>By what the program asked for, and by how it uses the memory.</summary>
    [Theory]
    [InlineData("refused")]
    [InlineData("merged")]
    [InlineData("huge")]
    [InlineData("growing")]
    [InlineData("sparse")]
    public void HugePagesAreNotProposedAgainstTheProgram(string mode)
    {
        Record([Checkout.Fixture("advised"), mode]);

        Assert.DoesNotContain("huge pages:", Screen(), StringComparison.Ordinal);
        var advise = Running.ToEnd(Checkout.Faultrec, "advise", TracePath);
        Assert.Equal(0, advise.Status);
        if (mode is "refused" or "merged" or "sparse")
            Assert.DoesNotContain("MADV_HUGEPAGE", advise.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void AFileThatIsReadAheadIsNotWaitedFor()
    {
        Record([Checkout.Fixture("advised"), "cold"]);
        Assert.StartsWith("read the file ahead of its use: madvise(MADV_POPULATE_READ)", Try(), StringComparison.Ordinal);
        var before = OfFile();

        Record([Checkout.Fixture("advised"), "ahead"]);
        Assert.True(before > 500);
        Assert.InRange(OfFile(), 0, before / 100);
    }

    [Fact]
    public void AFileThatIsReadAtRandomIsNotReadAhead()
    {
        Record([Checkout.Fixture("advised"), "random", "16"]);

        Assert.Contains("Threads waited ", Screen(), StringComparison.Ordinal);
        Assert.DoesNotContain("read the file ahead", Screen(), StringComparison.Ordinal);
        Assert.Contains(Rows.Read(TracePath).Metadata.Advice, advice => advice.Advice == "random");
        Assert.DoesNotContain("MADV_POPULATE_READ", Running.ToEnd(Checkout.Faultrec, "advise", TracePath).Output, StringComparison.Ordinal);
    }

    /// <returns>The program's own count of the faults of its touches.</returns>
    private long Record(string[] command)
    {
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, ["record", "--force", "-o", TracePath, "--", "env", .. command]);
        Assert.True(result.Status == 0, result.Error);
        var said = Said(result.Output);
        return Number(said, "touch_minflt");
    }

    private long OfFile() => Rows.Read(TracePath).All.Count(row => row.RegionName.StartsWith("/var/tmp/faultrec-", StringComparison.Ordinal));

    private string Try()
    {
        var match = TryLine().Match(Screen());
        Assert.True(match.Success, Screen());
        return match.Groups[1].Value;
    }

    // Sentences without the ends of their lines.
    private string Screen()
    {
        var report = Running.ToEnd("/usr/bin/env", "COLUMNS=160", Checkout.Faultrec, "report", TracePath);
        Assert.Equal(0, report.Status);
        return Spaces().Replace(report.Output, " ");
    }

    private static long Count(string text) => long.Parse(text, NumberStyles.AllowThousands, CultureInfo.InvariantCulture);

    [GeneratedRegex(" try +(.*?)(?= (note|more) )")]
    private static partial Regex TryLine();

    [GeneratedRegex(@"about ([\d,]+) faults instead of ([\d,]+)")]
    private static partial Regex AboutFaults();

    [GeneratedRegex(@"\n *")]
    private static partial Regex Spaces();
}
