namespace Faultrec.Cli.Tests;

/// <summary>stdout is data: what cannot be written is told. stderr is talk: what cannot be said changes nothing.</summary>
[Trait("Needs", "native")]
public sealed class StreamTests : CliTest
{
    private const string DeafStreams = "2>&-|2>/dev/full|<&- 2>&-|2>gone";

    /// <summary>Each with data to write; every verb but record and trace, which tests/Live has.</summary>
    private static readonly string[] DataCommandLines =
    [
        "report trace", "report --format json trace", "report --by stack trace", "info trace", "info --format json trace", "dump trace",
        "dump --format json trace", "query trace 'SELECT 1'", "query --schema", "diff trace trace", "simulate trace", "advise trace",
        "assert trace --max-major 1000000", "export trace --to folded", "doctor", "doctor --format json", "doctor handle_mm_fault", "--help", "report --help",
        "--version",
    ];

    /// <summary>Each has something to say.</summary>
    private static readonly (string Line, int Status)[] TalkLines =
    [
        ("report missing", 3), ("diff", 2), ("no-such-verb", 2), ("report --no-such-option trace", 2), ("recover missing.spool", 3),
        ("record -o /no/such/place -- true", 2), ("import missing -o out.parquet", 3), ("prefault missing -- true", 3), ("export trace", 2),
        ("report trace", 0),
    ];

    public static TheoryData<string> DataLines => [.. DataCommandLines];

    public static TheoryData<string> Deaf => [.. DeafStreams.Split('|')];

    [Theory]
    [MemberData(nameof(DataLines))]
    public void DataThatCannotBeWrittenIsAnErrorInOneLine(string line)
    {
        SmallTrace.Write(Folder["trace"], withStacks: true);
        var status = Bash($"\"$F\" {line} >out").Status;
        Assert.True(new FileInfo(Folder["out"]).Length > 0 || status != 0, line);
        foreach (var stdout in (string[])[">/dev/full", ">&-", ">&- <&-"])
        {
            var result = Bash($"\"$F\" {line} {stdout}");

            Assert.True(result.Status is 3 or 4, $"{line} {stdout}: {result.Status} {result.Error}");
            Assert.StartsWith("faultrec: stdout", Assert.Single(result.ErrorLines));
        }
    }

    [Theory]
    [MemberData(nameof(DataLines))]
    public void AReaderThatHasGoneIsNoError(string line)
    {
        SmallTrace.Write(Folder["trace"], withStacks: true);
        var status = Bash($"\"$F\" {line} >out").Status;

        // The pipe's only reader ends before anything is written.
        var result = Bash($"{{ sleep 0.2; \"$F\" {line}; echo $? >status; }} | true; while ! [ -s status ]; do sleep 0.05; done");

        Assert.Equal($"{status}\n", File.ReadAllText(Folder["status"]));
        Assert.Equal("", result.Error);
    }

    [Theory]
    [MemberData(nameof(Deaf))]
    public void WhatCannotBeSaidChangesNothing(string stderr)
    {
        SmallTrace.Write(Folder["trace"], withStacks: true);
        Bash("mkfifo gone");
        foreach (var (line, status) in TalkLines)
        {
            // A pipe whose reader has gone: opened for both, then for writing, then left alone.
            var result = stderr == "2>gone"
                ? Bash($"exec 3<>gone 4>gone 3>&-; \"$F\" {line} 2>&4 4>&-")
                : Bash($"\"$F\" {line} {stderr}");

            Assert.True(result.Status == status, $"{line} {stderr}: {result.Status}");
        }

        Assert.Equal(0, Bash($"\"$F\" dump trace >said && \"$F\" dump trace >unsaid 2>&- && cmp said unsaid").Status);
    }

    /// <summary>A file that is opened next must not become stderr: its first line would be ours.</summary>
    [Fact]
    public void AnOutputIsNotTakenForAClosedStream()
    {
        SmallTrace.Write(Folder["trace"], withStacks: true);
        Assert.Equal(0, Bash("\"$F\" dump trace >said").Status);
        foreach (var closed in (string[])["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
            Assert.Equal(0, Bash($"rm -f out; \"$F\" dump trace -o out {closed}; cmp said out").Status);
    }
}
