using System.Text.RegularExpressions;

namespace Faultrec.Live.Tests;

/// <summary>Problems as people report them (docs/problems.md): the first screen must answer what they ask.</summary>
[Trait("Needs", "native")]
public sealed partial class PublicProblemTests : LiveTest
{
    [Theory]
    [InlineData("large_blocks", "8 36",
        @"% of the faults touched memory again that had been given back by munmap in serve \(large_blocks\.c:\d+\)\.",
        @" who .*: fill_frame \(large_blocks\.c:\d+\) < serve \(large_blocks\.c:\d+\) < main ")]
    [InlineData("eager_pool", "40 4",
        @"% of the faults touched memory again that had been given back by madvise dontneed in purge \(eager_pool\.c:\d+\)\.",
        @" who .*< decode \(eager_pool\.c:\d+\)")]
    [InlineData("arenas", "4 8", " Memory (stayed|reached|grew) .*3[2-4]", @" who .*: parse_request \(arenas\.c:\d+\) < worker ")]
    [InlineData("background_save", "32 2", " are the price of forks: [1-9][0-9,]+ pages copied at the first write",
        @" who .* in these faults: set_value \(background_save\.c:\d+\) < main ")]
    [InlineData("cold_index", "500 1000", @" why .*reads from a disk.* cost .*; 500 were major", @" who .*< look_up \(cold_index\.c:\d+\) < main ")]
    [InlineData("control_loop", "200", " too little to explain a slow run; the longest took ",
        @" who .*: log_sample \(control_loop\.c:\d+\) < main ")]
    [InlineData("write_barrier", "10 256", @"% of the faults \(2,560\) were refused accesses that the program survived: each raised a signal",
        @" who .*< store_field \(write_barrier\.c:\d+\) < main ")]
    [InlineData("relocations", "", " why [^·]*private copies of file pages", " who .*: the dynamic linker, before main")]
    [InlineData("mapped_scan", "48", " Memory grew .*% of it were pages of shared mappings of files; all of it stayed to the end",
        @" who .*< scan_record \(mapped_scan\.c:\d+\) < main ")]
    [InlineData("lazy_restore", "200", " Threads waited .* for a userfaultfd handler", @" who .*< first_request \(lazy_restore\.c:\d+\) < main ")]
    [InlineData("temporaries.py", "4 40", @"% of the faults touched memory again that had been given back",
        @" who .*: brighten \(temporaries\.py:\d+\) < main ")]
    [InlineData("fork_refcounts.py", "3 200000", " are the price of forks: [1-9][0-9,]+ pages copied at the first write",
        @" who .* in these faults: sum_labels \(fork_refcounts\.py:\d+\) < main ")]
    public void TheFirstScreenAnswers(string problem, string arguments, string cause, string code)
    {
        string[] command = problem.EndsWith(".py", StringComparison.Ordinal)
            ? ["/usr/bin/python3", Path.Combine(Checkout.Root, "fixtures/problems", problem)]
            : [Checkout.Fixture(problem)];
        // One that was just built would be read from the disk, which takes longer than all else.
        _ = File.ReadAllBytes(command[^1]);
        var given = arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal(0, Running.ToEnd(InFolder, Checkout.Faultrec, ["record", "-o", TracePath, "--", .. command, .. given]).Status);

        var screen = Screen();
        Assert.Matches(cause, screen);
        Assert.Matches(code, screen);
    }

    [Fact]
    public void AFullTmpfsIsNamedWithTheCodeThatWroteToIt()
    {
        Assert.Equal(135, Running.ToEnd(InFolder, Checkout.Faultrec, "record", "-o", TracePath, "--", Checkout.Fixture("shm_full")).Status);

        var screen = Screen();
        Assert.Matches(@" died of SIGBUS: write_page \(fixture\.h:\d+\) touched page 256 of /dev/shm/frames, "
            + "which is not beyond its end: its tmpfs had no room, most likely", screen);
        Assert.Matches(@" who write_page \(fixture\.h:\d+\) < clear_buffer \(shm_full\.c:\d+\) < main ", screen);
    }

    // Without the ends of its lines.
    private string Screen() => Spaces().Replace(Running.ToEnd(Checkout.Faultrec, "report", TracePath).Output, " ");

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
