using System.Text.RegularExpressions;

namespace Faultrec.Live.Tests;

/// <summary>The first command after a recording answers: what a program died of.</summary>
public sealed partial class FirstScreenTests : LiveTest
{
    [Theory]
    [InlineData("null", 139, @"died of SIGSEGV: read_pointer \(deaths\.c:\d+\) read address 0x0, where nothing is mapped \(a null pointer\)\.")]
    [InlineData("offset", 139, @"died of SIGSEGV: follow \(deaths\.c:\d+\) read address 0x40, where nothing is mapped \(a null pointer with an offset\)\.")]
    [InlineData("readonly", 139, @"died of SIGSEGV: put \(deaths\.c:\d+\) wrote to read-only memory \(\S*/deaths, 0x[0-9a-f]+\)\.")]
    [InlineData("jump", 139, @"died of SIGSEGV: it jumped to 0x[0-9a-f]+ in \[anon\], which is no code\.")]
    [InlineData("unmapped", 139, @"died of SIGSEGV: use \(deaths\.c:\d+\) read 0x[0-9a-f]+, which drop \(deaths\.c:\d+\) had unmapped .+ before\.")]
    [InlineData("truncated", 135,
        @"died of SIGBUS: parse_index \(deaths\.c:\d+\) touched page 10 of /var/tmp/faultrec-deaths-\S+ \(deleted\), beyond its end: it had 40\.0 KiB\.")]
    [InlineData("stack", 139,
        @"died of SIGSEGV: stack overflow: parse_nested \(deaths\.c:\d+\), (at least )?\d+ calls deep, (wrote|read|touched) "
        + @"below the main thread's stack, which had grown to \S+ MiB\.")]
    [InlineData("thread_stack", 139,
        @"died of SIGSEGV: stack overflow: parse_nested \(deaths\.c:\d+\), \d+ calls deep, (wrote|read) into the guard page "
        + @"below the 12\d\.0 KiB stack of its thread\.")]
    public void TheFirstSentenceSaysWhyAProgramDied(string cause, int status, string expected)
    {
        var recorded = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "-o", TracePath, "--", Checkout.Fixture("deaths"), cause);

        Assert.Equal(status, recorded.Status);
        Assert.Matches($@"\A\S+  [^\n]+complete deaths \(pid \d+\) {expected}", Screen(TracePath));
    }

    /// <summary>What memory did, in one sentence, and the lines that made it.</summary>
    [Fact]
    public void AProgramThatGrowsIsToldByItsMemory()
    {
        RecordFixture("seq_touch", "64");

        var screen = Screen(TracePath);

        Assert.Matches(@" Memory (grew|reached|rose) .*6\d\.\d MiB", screen);
        Assert.Matches(@" who +(9\d|100)(\.\d)? %, [^:]+: write_page \(fixture\.h:\d+\) < write_pages \(fixture\.h:\d+\) < main \(seq_touch\.c:\d+\)", screen);
        Assert.Contains("first touches of new memory", screen, StringComparison.Ordinal);
    }

    /// <summary>The kernel takes each page's right to be written when it has written it to the disk, so that the workers' writes fault again.</summary>
    [Fact]
    public void AThreadThatTouchesFirstWhatOthersUseIsNamed()
    {
        var file = $"/var/tmp/faultrec-first-touch-{Guid.NewGuid():N}";

        RecordFixture("first_touch", "20", "3", "1", file);

        Assert.False(File.Exists(file));
        Assert.Matches(@" first_touch \(tid \d+\) made (9\d|100)(\.\d)? % of the first faults in 20\.0 MiB of \S+, "
            + @"and 3 other threads use it, too \([1-9][\d,]+ faults\)\.",
            Screen(TracePath));
    }

    // Sentences without the ends of their lines.
    private static string Screen(string trace)
    {
        var report = Running.ToEnd(Checkout.Faultrec, "report", trace);
        Assert.Equal(0, report.Status);
        Assert.All(report.Output.TrimEnd('\n').Split('\n'), line => Assert.InRange(line.Length, 1, 80));
        Assert.InRange(report.Output.TrimEnd('\n').Split('\n').Length, 3, 14);
        return Spaces().Replace(report.Output, " ");
    }

    [GeneratedRegex(@"\n *")]
    private static partial Regex Spaces();
}
