using System.Text.RegularExpressions;

namespace Faultrec.Cli.Tests;

/// <summary>`--color`: attributes are added to the text and change nothing else in it.</summary>
public sealed partial class ColourTests : CliTest
{
    /// <summary>A name that would switch to red, and back, if it were printed as it is.</summary>
    private const string Hostile = "/tmp/\e[31mred\e[0m";

    [Theory]
    [InlineData("\e[1;32mcomplete\e[0m", "report", "trace")]
    [InlineData("\e[1;31mINCOMPLETE\e[0m", "report", "lossy")]
    [InlineData("\e[1;32mcomplete\e[0m:", "report", "--full", "trace")]
    [InlineData("\e[1;31mINCOMPLETE: ", "report", "--by", "region", "lossy")]
    [InlineData("\e[1m", "report", "trace", "lossy")]
    [InlineData("\e[1m", "diff", "trace", "lossy")]
    [InlineData("\e[1;32mpass\e[0m", "assert", "trace", "--max-faults", "1000")]
    [InlineData("\e[1;31mFAIL\e[0m", "assert", "trace", "--max-faults", "1")]
    [InlineData("\e[1;31mINCOMPLETE: ", "info", "lossy")]
    [InlineData("\e[1;32mcomplete\e[0m:", "info", "trace")]
    [InlineData("\e[1", "doctor")]
    [InlineData("\e[1", "doctor", "no_such_function")]
    public void AttributesAreAllThatAlwaysAdds(string expected, params string[] arguments)
    {
        SmallTrace.Write(Folder["trace"], region: Hostile, comm: Hostile[..15]);
        SmallTrace.Write(Folder["lossy"], region: Hostile, comm: Hostile[..15], lost: 5);

        var coloured = Faultrec([.. arguments, "--color", "always"]);
        var plain = Faultrec([.. arguments, "--color", "never"]);
        var auto = Faultrec([.. arguments, "--color", "auto"]);
        var unasked = Faultrec(arguments);

        Assert.Contains(expected, coloured.Output, StringComparison.Ordinal);
        Assert.Equal(plain with { Output = "" }, coloured with { Output = "" });
        Assert.Equal(plain.Output, Attributes().Replace(coloured.Output, ""));
        Assert.DoesNotContain('\e', plain.Output);
        Assert.Equal((plain, plain), (auto, unasked));
        // Every attribute ends in its own line: none is left open by a name or for the shell.
        Assert.All(coloured.Output.Split('\n'), line => Assert.True(line.LastIndexOf('\e') < 0 || line.LastIndexOf("\e[0m", StringComparison.Ordinal)
            == line.LastIndexOf('\e'), line));
    }

    [Theory]
    [InlineData("--color", "always", true, "NO_COLOR=1 TERM=dumb")]
    [InlineData("--color", "never", false, "TERM=xterm")]
    [InlineData("--color", "auto", true, "TERM=xterm")]
    public void WhatIsAskedForHoldsOnATerminalToo(string option, string when, bool isColoured, string environment)
    {
        SmallTrace.Write(Folder["trace"]);

        var shown = Bash($"unset NO_COLOR; {environment} script -qec '\"$F\" report trace {option} {when}' /dev/null");

        Assert.Equal(isColoured, shown.Output.Contains('\e', StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("json")]
    [InlineData("csv")]
    [InlineData("markdown")]
    public void OnlyTextHasColours(string format)
    {
        SmallTrace.Write(Folder["trace"], region: Hostile);

        Assert.DoesNotContain('\e', Faultrec("report", "trace", "--color", "always", "--format", format).Output);
    }

    [GeneratedRegex(@"\e\[[0-9;]*m")]
    private static partial Regex Attributes();
}
