using System.Globalization;
using System.Text;

namespace Faultrec.Cli.Tests;

public sealed class PrefaultTests : CliTest
{
    private const string Later = "9000-01-01T00:00:00Z";
    private const int Pages = 1024;

    /// <summary>More than the kernel reads for one call, and far more than it reads around one fault.</summary>
    [Fact]
    public void WhatThePlanNamesIsCachedAndNothingElse()
    {
        File.WriteAllBytes(Folder["data"], new byte[Pages * 4096]);
        Evict("data");
        WritePlan("plan", [("data", null)], (0, 16 * 4096, 512 * 4096), (0, 900 * 4096, 4096));

        var result = Bash(
            "sync; $F prefault plan -- true; for i in $(seq 50); do fincore -nbo pages data | grep -q 513 && break; sleep 0.1; done; fincore -nbo pages data");

        Assert.Equal((0, "513", ""), (result.Status, result.Output.Trim(), result.Error));
    }

    [Theory]
    [InlineData("exit 7", 7)]
    [InlineData("kill -TERM $$", 143)]
    public void TheEndIsTheCommands(string script, int status)
    {
        WritePlan("plan", []);

        Assert.Equal(status, Faultrec("prefault", "plan", "--", "sh", "-c", script).Status);
    }

    [Fact]
    [Trait("Needs", "native")]
    public void TheCommandIsTheVeryProcessWithItsInputAndLimits()
    {
        WritePlan("plan", []);

        Assert.Equal("same\nhello\n-x\n", Bash("""$F prefault plan sh -c '[ $PPID = '$$' ] && echo same; cat; echo "$1"' sh -x <<< hello""").Output);
        Assert.Equal("77\n", Bash("ulimit -Sn 77; $F prefault plan -- sh -c 'ulimit -Sn'").Output);
        // SIGPIPE is as the caller had it; what runs this test may ignore it.
        Assert.Equal("141 0\n", Bash("env --default-signal=PIPE $F prefault plan -- yes | head -1 > /dev/null; echo ${PIPESTATUS[@]}").Output);
        Assert.Equal("1 0\n", Bash("env --ignore-signal=PIPE $F prefault plan -- yes 2> /dev/null | head -1 > /dev/null; echo ${PIPESTATUS[@]}").Output);
    }

    [Theory]
    [InlineData("no-such-command-anywhere", 127, "command not found")]
    [InlineData("/etc/passwd", 126, "cannot be executed")]
    public void ACommandThatCannotRun(string command, int status, string because)
    {
        WritePlan("plan", []);

        var result = Faultrec("prefault", "plan", "--", command);

        Assert.Equal(status, result.Status);
        Assert.Contains(because, Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void FilesThatAreNotThoseOfTheRecordingAreSkippedAndCounted()
    {
        File.WriteAllBytes(Folder["same"], new byte[4096]);
        File.WriteAllBytes(Folder["other"], new byte[4096]);
        File.WriteAllBytes(Folder["empty"], []);
        Assert.Equal(0, Bash("mkfifo pipe; mkdir folder; ln -s pipe link; ln -s /dev/full device; ln -s loop loop; mkdir shut; cp same shut/; sync").Status);
        WritePlan("plan",
            [("same", null), ("other", 1), ("missing", 1), ("same/below", 1), ("pipe", null), ("link", null), ("device", null), ("folder", null),
            ("empty", null), ("loop", 1)], [.. Enumerable.Range(0, 10).Select(file => (file, 0L, 4096L))]);

        var result = Faultrec("prefault", "plan", "--", "echo", "ran");

        Assert.Equal((0, "ran\n"), (result.Status, result.Output));
        Assert.Equal(
            "faultrec: plan: 9 files not read (2 missing, 2 replaced or changed since the recording, 4 not a regular file, 1 not readable); "
            + "record again and export a new plan if these matter",
            Assert.Single(result.ErrorLines));
    }

    [Fact]
    public void AFileThatWasChangedSinceIsReplaced()
    {
        File.WriteAllBytes(Folder["data"], new byte[4096]);
        WritePlan("plan", [("data", null)], (0, 0, 4096));
        File.WriteAllText(Folder["plan"], File.ReadAllText(Folder["plan"]).Replace(Later, "2020-01-01T00:00:00Z", StringComparison.Ordinal));

        var result = Bash("touch -d 2019-01-01 data; $F prefault plan -- true");

        Assert.Contains("1 replaced", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void RangesOutsideOfTheFileAskForNothing()
    {
        File.WriteAllBytes(Folder["data"], new byte[8 * 4096]);
        Evict("data");
        WritePlan("plan", [("data", null)], (0, 1L << 61, 1L << 61), (0, 7 * 4096, 1L << 61));

        var result = Bash("sync; $F prefault plan -- true; sleep 0.2; fincore -nbo pages data");

        Assert.Equal((0, "1", ""), (result.Status, result.Output.Trim(), result.Error));
    }

    [Fact]
    public void CompareTellsBothSides()
    {
        File.WriteAllBytes(Folder["data"], new byte[Pages * 4096]);
        WritePlan("plan", [("data", null)], (0, 0, Pages * 4096));

        var result = Faultrec("prefault", "--compare", "3", "plan", "--", "sh", "-c", "echo once >> runs; echo noise; exit 4");

        Assert.Equal((0, ""), (result.Status, result.Error));
        Assert.Equal(6, File.ReadAllLines(Folder["runs"]).Length);
        Assert.StartsWith("3 pairs of cold starts; the plan names 4.0 MiB\n", result.Output, StringComparison.Ordinal);
        Assert.Matches(@"\nwithout the plan( +[\d.]+ (µs|ms|s)){3} +\d+\nwith the plan   ( +[\d.]+ (µs|ms|s)){3} +\d+\n", result.Output);
        Assert.EndsWith("\n6 starts ended with status 4\n", result.Output, StringComparison.Ordinal);
    }

    public static TheoryData<string, string> BadPlans => new()
    {
        { "", "line 1 is not a JSON object" },
        { "PAR1", "line 1 is not a JSON object" },
        { "[1]\n", "line 1 is not a JSON object" },
        { "{\"traceEvents\":[]}\n", "line 1 has no faultrec_prefault_plan" },
        { Header(0, 0).Replace("plan\":1", "plan\":2", StringComparison.Ordinal), "line 1 has version 2, but this faultrec reads 1" },
        { Header(0, 0).Replace(Later, "soon", StringComparison.Ordinal), "line 1 has no recorded_until" },
        { Header(-1, 0), "line 1 has no files" },
        { Header(0, 1_000_001), "line 1 has no ranges from 0 to 1000000" },
        { Header(0, 0).Replace("\"ranges\":0", "\"ranges\":1e99", StringComparison.Ordinal), "line 1 has no ranges" },
        { Header(1, 1), "ends after 0 files and 0 ranges, expected the 1 and 1 of its header" },
        { Header(1, 1) + Named("/etc/passwd"), "ends after 1 files and 0 ranges" },
        { Header(1, 1) + Named("/etc/passwd") + "{\"file\":0,\"off", "line 3 is not a JSON object" },
        { Header(1, 1) + Named("/etc/passwd") + Range(0, 0, 1) + Range(0, 0, 1), "line 4 is one more than" },
        { Header(1, 1) + Named("etc/passwd"), "line 2 has a path that is not absolute" },
        { Header(1, 1) + Named(""), "line 2 has a path that is not absolute" },
        { Header(1, 1) + Named("/a\\u0000b"), "line 2 has an impossible path" },
        { Header(1, 1) + Named("/" + new string('a', 4095)), "line 2 has an impossible path" },
        { Header(1, 1) + Named("/\\ud800"), "line 2 has a path that is not absolute" },
        { Header(1, 1) + "{\"path\":7,\"inode\":1}\n", "line 2 has a path that is not absolute" },
        { Header(1, 1) + "{\"path\":\"/a\",\"inode\":0}\n", "line 2 has no inode" },
        { Header(1, 1) + "{\"path\":\"/a\"}\n", "line 2 has no inode" },
        { Header(1, 1) + Range(0, 0, 1), "line 2 has no file of a file on a line before" },
        { Header(1, 1) + Named("/a") + Range(1, 0, 1), "line 3 has no file from 0 to 0" },
        { Header(1, 1) + Named("/a") + Range(0, -4096, 1), "line 3 has no offset" },
        { Header(1, 1) + Named("/a") + Range(0, 0, 0), "line 3 has no length" },
        { Header(1, 1) + Named("/a") + Range(0, 0, long.MaxValue), "line 3 has no length" },
        { Header(1, 1) + new string('x', 1 << 20), "line 2 has more than 32768 characters" },
        { Header(1, 1) + new string('[', 30_000), "line 2 is not a JSON object" },
        { Header(1, 1) + "{\"\\u001b[2J\":\n", "line 2 is not a JSON object" },
    };

    [Theory]
    [MemberData(nameof(BadPlans))]
    public void ABadPlanIsOneLineAndNothingIsRun(string plan, string because)
    {
        File.WriteAllText(Folder["plan"], plan);

        AssertRefused("plan", because);
    }

    [Fact]
    public void WhatIsNoFileOfTextIsNoPlan()
    {
        File.WriteAllBytes(Folder["latin1"], [.. Encoding.ASCII.GetBytes(Header(1, 1)), (byte)'"', 0xe9, (byte)'\n']);
        Directory.CreateDirectory(Folder["folder"]);

        AssertRefused("missing", "no such file");
        AssertRefused("folder", "is a directory");
        AssertRefused("latin1", "or a later one is not UTF-8");
    }

    [Fact]
    public void APlanOfATraceWithoutStacks()
    {
        SmallTrace.Write(Folder["trace"]);

        // Its recording has no date.
        var undated = Faultrec("export", "trace", "--to", "prefault-plan");

        Assert.Equal((3, ""), (undated.Status, undated.Output));
        Assert.Contains("does not say when it was recorded", Assert.Single(undated.ErrorLines), StringComparison.Ordinal);
        var recorded = Faultrec("export", Path.Combine(Checkout.RecordedTraces, "cold_read.parquet"), "--to", "prefault-plan");
        Assert.Equal((0, ""), (recorded.Status, recorded.Error));
        File.WriteAllText(Folder["plan"], recorded.Output);
        Assert.Equal("ran\n", Faultrec("prefault", "plan", "--", "echo", "ran").Output);
    }

    private void AssertRefused(string plan, string because)
    {
        var result = Faultrec("prefault", plan, "--", "touch", "ran");

        Assert.Equal((3, ""), (result.Status, result.Output));
        var line = Assert.Single(result.ErrorLines);
        Assert.StartsWith($"faultrec: {plan}: ", line, StringComparison.Ordinal);
        Assert.Contains(because, line, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', line);
        Assert.False(File.Exists(Folder["ran"]), "the command was run");
    }

    /// <param name="files">Names in the folder; the inode they have where none is given.</param>
    private void WritePlan(string plan, (string Name, int? Inode)[] files, params (int File, long Offset, long Length)[] ranges)
    {
        var text = new StringBuilder(Header(files.Length, ranges.Length));
        foreach (var (name, inode) in files)
        {
            text.Append(CultureInfo.InvariantCulture,
                $"{{\"path\":\"{Folder[name]}\",\"inode\":{inode?.ToString(CultureInfo.InvariantCulture) ?? Bash($"stat -Lc %i {name}").Output.Trim()}}}\n");
        }

        foreach (var (file, offset, length) in ranges)
            text.Append(Range(file, offset, length));
        File.WriteAllText(Folder[plan], text.ToString());
    }

    private void Evict(string name)
        => Assert.Equal(0, Bash($"sync {name}; dd if={name} iflag=nocache count=0 status=none; fincore -nbo pages {name} | grep -qx ' *0'").Status);

    private static string Header(int files, int ranges)
        => string.Create(CultureInfo.InvariantCulture,
            $"{{\"faultrec_prefault_plan\":1,\"recorded_until\":\"{Later}\",\"files\":{files},\"ranges\":{ranges}}}\n");

    private static string Named(string path) => $"{{\"path\":\"{path}\",\"inode\":1}}\n";

    private static string Range(int file, long offset, long length)
        => string.Create(CultureInfo.InvariantCulture, $"{{\"file\":{file},\"offset\":{offset},\"length\":{length}}}\n");
}
