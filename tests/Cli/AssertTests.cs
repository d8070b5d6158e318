using System.Text.Json;
using System.Xml.Linq;

namespace Faultrec.Cli.Tests;

/// <summary>`faultrec assert`: exit status, budget files and formats.</summary>
public sealed class AssertTests : CliTest
{
    // 100 faults, half of them in each of two regions, 54,950 ns.
    private const string Trace = "trace";

    [Theory]
    [InlineData(0, "--max-faults", "100")]
    [InlineData(1, "--max-faults", "99")]
    [InlineData(0, "--max-faults=1e2")]
    [InlineData(0, "--max-major", "0", "--max-failed", "0", "--max-pages", "100", "--max-fault-time", "54950ns")]
    [InlineData(1, "--max-major", "0", "--max-fault-time", "54949ns")]
    [InlineData(0, "--region", "[heap]:max-faults=50")]
    [InlineData(1, "--region", "[heap]:max-faults=50", "--region", "[heap]:max-pages=49")]
    [InlineData(1, "--min-huge-share", "0")]
    [InlineData(1, "--max-rss", "1GiB")] // what came with another page is not known
    [InlineData(1, "--code", "main:max-growth=1GiB")] // there are no stacks
    public void TheStatusSaysWhetherABudgetBroke(int status, params string[] budgets)
    {
        SmallTrace.Write(Folder[Trace]);

        var result = Faultrec(["assert", Trace, .. budgets]);

        Assert.Equal((status, ""), (result.Status, result.Error));
        Assert.Equal(status == 1, result.Output.Contains("FAIL", StringComparison.Ordinal));
    }

    [Fact]
    public void ABaselineMakesBudgetsRelative()
    {
        SmallTrace.Write(Folder[Trace]);
        SmallTrace.Write(Folder["larger"], faults: 120);

        var kept = Faultrec("assert", "larger", "--baseline", Trace, "--max-increase", "20%");
        var broken = Faultrec("assert", "larger", "--baseline", Trace, Trace, "--max-increase", "19%", "--region", "[heap]:max-faults=+50%");
        var window = Faultrec("assert", "larger", "--max-faults", "0", "--to", "0ns");
        var without = Faultrec("assert", Trace, "--max-increase", "5%");
        var absolute = Faultrec("assert", Trace, "--baseline", Trace, "--max-faults", "5");

        Assert.Equal((0, ""), (kept.Status, kept.Error));
        Assert.Matches("pass +max-faults +120 +≤ 120 +100 [+] 20 %", kept.Output);
        Assert.Equal((1, ""), (broken.Status, broken.Error));
        Assert.Matches("FAIL +max-faults +120 +≤ 119 +100 [+] 19 %\n +pass +region \\[heap\\]:max-faults +60 +≤ 75 ", broken.Output);
        Assert.Equal((2, "faultrec: max-faults relative to a baseline: expected --baseline TRACE"), (without.Status, Assert.Single(without.ErrorLines)));
        Assert.Equal(2, absolute.Status);
        Assert.StartsWith("faultrec: --baseline without a budget that is relative to it: ", Assert.Single(absolute.ErrorLines));
        Assert.Equal((0, ""), (window.Status, window.Error));
    }

    [Fact]
    public void GitHubGetsAnnotationsAndASummary()
    {
        SmallTrace.Write(Folder[Trace]);

        var result = Bash($"GITHUB_STEP_SUMMARY=summary.md $F assert {Trace} --max-faults 5 --format github");
        var nowhere = Bash($"GITHUB_STEP_SUMMARY=none/summary.md $F assert {Trace} --max-faults 5 --format github");

        Assert.Equal((1, "", "::error title=faultrec%3A max-faults::trace: found 100, allowed ≤ 5\n"), (result.Status, result.Error, result.Output));
        Assert.StartsWith("**trace: FAIL, 1 of 2 checks broken: ", File.ReadAllText(Folder["summary.md"]));
        Assert.Equal(4, nowhere.Status);
        Assert.Contains("none/summary.md: cannot be written", Assert.Single(nowhere.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void AFileHoldsBudgetsToo()
    {
        SmallTrace.Write(Folder[Trace]);
        File.WriteAllText(Folder["kept"], "# what we promised\n\n--max-faults 3e5\nregion [heap]:max-faults=50\n");
        File.WriteAllText(Folder["wrong"], "max-faults 3e5\nmax-fault 1\n");

        var kept = Faultrec("assert", Trace, "--budgets", "kept");
        var both = Faultrec("assert", Trace, "--budgets", "kept", "--max-faults", "5");
        var wrong = Faultrec("assert", Trace, "--budgets", "wrong");
        var over = Faultrec("assert", Trace, "--budgets", "kept", "-o", "kept");

        Assert.Equal(0, kept.Status);
        Assert.StartsWith("trace: pass, all 3 checks hold", kept.Output);
        Assert.Equal(1, both.Status);
        Assert.StartsWith("trace: FAIL, 1 of 4 checks broken: max-faults found 100, allowed ≤ 5", both.Output);
        Assert.Equal((2, ""), (wrong.Status, wrong.Output));
        Assert.StartsWith("faultrec: wrong, line 2: max-fault 1: expected one of max-faults, ", Assert.Single(wrong.ErrorLines));
        Assert.Equal(2, over.Status);
        Assert.StartsWith("# what we promised", File.ReadAllText(Folder["kept"]));
    }

    [Fact]
    public void AnIncompleteRecordingFailsUnlessAllowed()
    {
        SmallTrace.Write(Folder[Trace], lost: 7);

        var refused = Faultrec("assert", Trace, "--max-faults", "100");
        var allowed = Faultrec("assert", Trace, "--max-faults", "100", "--allow-incomplete");

        Assert.Equal((1, 0), (refused.Status, allowed.Status));
        Assert.Contains("--allow-incomplete", refused.Output, StringComparison.Ordinal);
        Assert.Contains("7 lost", allowed.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void JunitIsWrittenAlsoWhenABudgetBroke()
    {
        SmallTrace.Write(Folder[Trace]);

        var result = Faultrec("assert", Trace, "--max-faults", "1", "--max-major", "0", "--format", "junit", "-o", "junit.xml");

        Assert.Equal((1, "", ""), (result.Status, result.Output, result.Error));
        var suite = XDocument.Load(Folder["junit.xml"]).Root!.Element("testsuite")!;
        Assert.Equal(("3", "1"), (suite.Attribute("tests")!.Value, suite.Attribute("failures")!.Value));
        Assert.Equal("max-faults ≤ 1", suite.Elements("testcase").Single(test => test.Element("failure") is not null).Attribute("name")!.Value);
    }

    [Fact]
    public void JsonAndMarkdownSayTheSame()
    {
        SmallTrace.Write(Folder[Trace]);

        var json = Faultrec("assert", Trace, "--max-faults", "1", "--format", "json");
        var markdown = Faultrec("assert", Trace, "--max-faults", "1", "--format", "markdown");

        Assert.Equal((1, 1), (json.Status, markdown.Status));
        using var parsed = JsonDocument.Parse(json.Output);
        Assert.False(parsed.RootElement.GetProperty("passed").GetBoolean());
        Assert.Equal(100, parsed.RootElement.GetProperty("checks")[1].GetProperty("found").GetInt32());
        Assert.Contains("| FAIL | max-faults | 100 | ≤ 1 |", markdown.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("text")]
    [InlineData("markdown")]
    [InlineData("json")]
    [InlineData("junit")]
    public void HostileNamesAreInert(string format)
    {
        const string name = "a\e[31m\nred\u202eevil<b>&\"'";
        SmallTrace.Write(Folder[name]);

        var result = Faultrec("assert", name, "--region", name + ":max-faults=0", "--max-faults", "0", "--format", format);

        Assert.Equal((1, ""), (result.Status, result.Error));
        Assert.DoesNotContain(result.Output, c => (char.IsControl(c) && c != '\n') || c == '\u202e');
        Assert.Contains("evil", result.Output, StringComparison.Ordinal);
        Assert.Equal(format == "text", result.Output.Contains("evil<b>", StringComparison.Ordinal));
    }
}
