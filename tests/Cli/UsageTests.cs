namespace Faultrec.Cli.Tests;

/// <summary>Options, help, and how the tool behaves in a pipeline.</summary>
public sealed class UsageTests : CliTest
{
    public static TheoryData<string> Verbs
        => ["record", "trace", "report", "replay", "simulate", "advise", "diff", "assert", "info", "dump", "export", "mark", "prefault", "doctor", "recover",
            "symbolize"];

    [Theory]
    [MemberData(nameof(Verbs))]
    public void HelpOfEachVerb(string verb)
    {
        var result = Faultrec(verb, "--help");

        Assert.Equal((0, ""), (result.Status, result.Error));
        Assert.Contains($"faultrec {verb}", result.Output, StringComparison.Ordinal);
        Assert.All(result.Output.Split('\n'), line => Assert.True(line.Length <= 100, line));
        Assert.DoesNotContain('\e', result.Output);
    }

    [Fact]
    public void HelpAndVersionOfTheTool()
    {
        var help = Faultrec("--help");

        Assert.Equal((0, ""), (help.Status, help.Error));
        Assert.All(Verbs, verb => Assert.Contains($"  {verb.Data} ", help.Output, StringComparison.Ordinal));
        Assert.All(help.Output.Split('\n'), line => Assert.True(line.Length <= 100, line));
        var version = Faultrec("--version");
        Assert.Equal(0, version.Status);
        Assert.Matches(@"^\d+\.\d+\.\d+", version.Output);
    }

    [Fact]
    public void HelpOfAVerbIsAVerbToo()
    {
        Assert.Equal(Faultrec("report", "--help").Output, Faultrec("help", "report").Output);
        Assert.Equal(Faultrec("--help").Output, Faultrec("help").Output);
    }

    [Theory]
    [InlineData("reprot: no such verb; did you mean report?", "reprot", "trace")]
    [InlineData("reprot: no such verb; did you mean report?", "help", "reprot")]
    [InlineData("no-such-verb: no such verb", "no-such-verb")]
    [InlineData("--max-majr: no such option of assert; did you mean --max-major?", "assert", "trace", "--max-majr", "0")]
    [InlineData("--fromat: no such option of report; did you mean --format?", "report", "--fromat", "json", "trace")]
    [InlineData("--fromat=json: no such option of report; did you mean --format?", "report", "--fromat=json", "trace")]
    [InlineData("comm_kind, slab, cache, buddy, resident, reserved, resident_region, rss, growth, release, churn, phase, time, "
        + "first_touch, heat, hot, locality, "
        + "storm; did you mean region?", "report", "--by", "regoin", "trace")]
    [InlineData("; did you mean anon_write?", "report", "--kind", "anon_wriet", "trace")]
    public void AMistypedWordGetsTheOneThatWasMeant(string message, params string[] arguments)
    {
        var result = Faultrec(arguments);

        Assert.Equal((2, ""), (result.Status, result.Output));
        Assert.EndsWith(message, result.ErrorLines[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("report")]
    [InlineData("info")]
    [InlineData("dump")]
    [InlineData("simulate")]
    public void ARecordingIsLookedForWhereRecordPutsIt(string verb)
    {
        Assert.StartsWith("faultrec: trace.parquet: no such file", Assert.Single(Faultrec(verb).ErrorLines), StringComparison.Ordinal);
        SmallTrace.Write(Folder["trace.parquet"]);

        var result = Faultrec(verb);

        Assert.Equal((0, Faultrec(verb, "trace.parquet").Output), (result.Status, result.Output));
    }

    [Theory]
    [InlineData]
    [InlineData("recover")]
    [InlineData("diff")]
    [InlineData("report", "trace", "--no-such-option")]
    [InlineData("record", "--no-such-option", "--", "touch", "ran")]
    [InlineData("record", "--no-such-option", "touch", "ran")]
    [InlineData("trace", "--no-such-option", "--", "touch", "ran")]
    [InlineData("prefault", "--no-such-option", "plan", "touch", "ran")]
    [InlineData("prefault")]
    [InlineData("info", "one", "two")]
    [InlineData("record", "--duration")]
    [InlineData("doctor", "--format")]
    public void AWrongCommandLineGetsTheUsage(params string[] arguments)
    {
        var result = Faultrec(arguments);

        Assert.Equal((2, ""), (result.Status, result.Output));
        Assert.StartsWith("faultrec: ", result.Error);
        Assert.Contains("Usage:", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        Assert.Empty(Folder.Names);
    }

    [Theory]
    [InlineData("--format", "report", "trace", "--format", "html5")]
    [InlineData("--by", "report", "trace", "--by", "colour")]
    [InlineData("--top", "report", "trace", "--top", "-1")]
    [InlineData("BEFORE AFTER", "diff", "trace")]
    [InlineData("BEFORE AFTER", "diff", "trace", "trace", "trace")]
    [InlineData("--format", "diff", "trace", "trace", "--format", "junit")]
    [InlineData("--top", "diff", "trace", "trace", "--top", "few")]
    [InlineData("--max-major 0", "assert", "trace")]
    [InlineData("whole number", "assert", "trace", "--max-major", "none")]
    [InlineData("a number with a unit", "assert", "trace", "--max-fault-time", "200")]
    [InlineData("a number with a unit B", "assert", "trace", "--max-rss", "200")]
    [InlineData("one of max-faults, max-major", "assert", "trace", "--code", "main:max-pages=1")]
    [InlineData("from 0 to 1", "assert", "trace", "--min-huge-share", "90")]
    [InlineData("NAME:BUDGET=VALUE", "assert", "trace", "--region", "[heap]")]
    [InlineData("budget per line", "assert", "trace", "--budgets", "missing")]
    [InlineData("--format", "assert", "trace", "--max-major", "0", "--format", "csv")]
    [InlineData("--pid", "report", "trace", "--pid", "one")]
    [InlineData("--pid", "report", "trace", "--pid", "99999999999999999999")]
    [InlineData("--kind", "dump", "trace", "--kind", "colour")]
    [InlineData("--by", "report", "trace", "--by", "severities")]
    [InlineData("--from", "dump", "trace", "--from", "1.5x")]
    [InlineData("--to", "trace", "--to", "soon", "--pid", "1")]
    [InlineData("1 to 64 bytes", "mark", "")]
    [InlineData("--pid", "mark", "a", "--pid", "x")]
    [InlineData("--from", "dump", "trace", "--from", "2s", "--to", "1s")]
    [InlineData("--duration", "record", "--duration", "0s", "--", "touch", "ran")]
    [InlineData("--duration", "record", "--duration", "long", "--", "touch", "ran")]
    [InlineData("--max-size", "record", "--max-size", "big", "--", "touch", "ran")]
    [InlineData("--max-size", "record", "--max-size", "-5MiB", "--", "touch", "ran")]
    [InlineData("--backend", "record", "--backend", "magic", "--", "touch", "ran")]
    [InlineData("--pid", "record", "--pid", "0")]
    [InlineData("--pid", "record", "--pid", "1x")]
    [InlineData("target", "trace")]
    [InlineData("one target", "trace", "--pid", "1", "--", "touch", "ran")]
    [InlineData("--format", "trace", "--format", "csv", "--", "touch", "ran")]
    [InlineData("--summary", "trace", "--summary", "--format", "json", "--", "touch", "ran")]
    [InlineData("--interval", "trace", "--summary", "--interval", "5ms", "--", "touch", "ran")]
    [InlineData("--interval", "trace", "--summary", "--interval", "soon", "--", "touch", "ran")]
    [InlineData("--summary", "trace", "--interval", "1s", "--", "touch", "ran")]
    [InlineData("--summary", "trace", "--sort", "time", "--", "touch", "ran")]
    [InlineData("--sort", "trace", "--summary", "--sort", "size", "--", "touch", "ran")]
    [InlineData("--summary", "trace", "--top", "3", "--", "touch", "ran")]
    [InlineData("--top", "trace", "--summary", "--top", "few", "--", "touch", "ran")]
    [InlineData("--kind", "trace", "--kind", "huge", "--", "touch", "ran")]
    [InlineData("--from", "trace", "--from", "2s", "--to", "1s", "--", "touch", "ran")]
    [InlineData("--no-clobber", "record", "--force", "--no-clobber", "--", "touch", "ran")]
    [InlineData("--compare", "prefault", "--compare", "0", "plan", "--", "touch", "ran")]
    [InlineData("--compare", "prefault", "--compare", "many", "plan", "--", "touch", "ran")]
    [InlineData("a command after the plan", "prefault", "plan")]
    [InlineData("--weight", "export", "trace", "--to", "prefault-plan", "--weight", "faults")]
    [InlineData("target", "record")]
    [InlineData("target", "record", "--pid", "1", "--", "touch", "ran")]
    [InlineData("-o -", "record", "-o", "-", "--", "touch", "ran")]
    public void AWrongValueIsNamed(string named, params string[] arguments)
    {
        SmallTrace.Write(Folder["trace"]);

        var result = Faultrec(arguments);

        Assert.Equal((2, ""), (result.Status, result.Output));
        Assert.Contains(named, result.ErrorLines[0], StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
        Assert.Equal(["trace"], Folder.Names);
    }

    [Theory]
    [InlineData("region", "id,name,kind,pid,start")]
    [InlineData("kind", "kind,traceevent,faults,share")]
    [InlineData("severity", "severity,faults")]
    [InlineData("process", "pid,comm,threads")]
    [InlineData("thread", "pid,tid,comm")]
    [InlineData("file", "path,regions")]
    [InlineData("comm", "comm,threads")]
    [InlineData("handler", "function,faults")]
    [InlineData("time", "from_ns,length_ns,faults")]
    [InlineData("first_touch", "id,name,pid,born_ns")]
    [InlineData("heat", "id,name,pid,start,end,from_ns")]
    [InlineData("locality", "id,name,pid,faults,steps,sequential_share,runs")]
    [InlineData("storm", "from_ns,length_ns,burst,faults")]
    [InlineData("hot", "id,name,pid,bytes,faults,touched_2m,hot_2m")]
    public void EveryTableCanBeAskedFor(string table, string columns)
    {
        SmallTrace.Write(Folder["trace"], faults: 3);

        var result = Bash($"\"$F\" report --format csv --by {table} trace");

        Assert.Equal((0, ""), (result.Status, result.Error));
        Assert.StartsWith(columns, result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("report --format csv --by region --top 0")]
    [InlineData("dump")]
    [InlineData("dump --format json")]
    public void AReaderThatHasSeenEnoughIsNoError(string verb)
    {
        SmallTrace.Write(Folder["trace"], faults: 50_000);

        var result = Bash($"\"$F\" {verb} trace | head -1; echo \"status ${{PIPESTATUS[0]}}\"");

        Assert.Equal("", result.Error);
        Assert.Equal(2, result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.EndsWith("status 0\n", result.Output);
    }

    [Fact]
    public void AFullOutputIsAnError()
    {
        SmallTrace.Write(Folder["trace"], faults: 50_000);

        var result = Bash("\"$F\" dump trace > /dev/full");

        Assert.Equal(4, result.Status);
        Assert.Single(result.ErrorLines);
    }

    [Fact]
    public void ColourIsForTerminalsThatWantIt()
    {
        SmallTrace.Write(Folder["trace"]);

        var piped = Faultrec("report", "trace");
        var onTerminal = Bash("unset NO_COLOR; TERM=xterm script -qec '\"$F\" report trace' /dev/null");
        var unwanted = Bash("TERM=xterm NO_COLOR=1 script -qec '\"$F\" report trace' /dev/null");
        var dumb = Bash("unset NO_COLOR; TERM=dumb script -qec '\"$F\" report trace' /dev/null");

        Assert.DoesNotContain('\e', piped.Output);
        Assert.Contains("\e[", onTerminal.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\e', unwanted.Output);
        Assert.DoesNotContain('\e', dumb.Output);
    }

    [Fact]
    public void ATerminalWithoutUnicodeGetsAscii()
    {
        SmallTrace.Write(Folder["trace"]);
        const string report = "TERM=dumb script -qec '\"$F\" report --full trace' /dev/null";

        var (ascii, unicode) = (Bash($"unset LC_ALL LC_CTYPE; LANG=C {report}"), Bash($"unset LC_ALL LC_CTYPE; LANG=C.utf8 {report}"));

        Assert.All(ascii.Output, letter => Assert.True(char.IsAscii(letter), $"{letter}"));
        Assert.Contains('█', unicode.Output);
        Assert.Equal(unicode.Output.Split('\n').Select(line => line.Length), ascii.Output.Split('\n').Select(line => line.Length));
        // A pipe's reader has its own locale.
        Assert.Equal(Bash("unset LC_ALL; LANG=C \"$F\" report --full trace").Output, Bash("unset LC_ALL; LANG=C.utf8 \"$F\" report --full trace").Output);
    }

    [Fact]
    public void AnOptionOfTheCommandIsNotOurs()
    {
        // Refused for its place, so it ran nothing; but it was understood: "--help" was the command's.
        var result = Faultrec("record", "-o", "missing/trace", "ls", "--help");

        Assert.Equal((2, ""), (result.Status, result.Output));
        Assert.Contains("missing", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }
}
