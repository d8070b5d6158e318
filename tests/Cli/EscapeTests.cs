using System.Text.Json;
using Faultrec.Traces.Metadata;

namespace Faultrec.Cli.Tests;

/// <summary>Names come from programs that may want to fool whoever reads the report: nothing in them reaches a terminal raw.</summary>
public sealed class EscapeTests : CliTest
{
    private const string Name = "a\e[31mred\a\r\nfake line\t\u009b2J\u202eevil</td><script>|`*_\"',;=1+1\0end";

    [Theory]
    [InlineData("report")]
    [InlineData("report", "--format", "markdown")]
    [InlineData("report", "--format", "csv", "--by", "file")]
    [InlineData("report", "--format", "csv", "--by", "comm")]
    [InlineData("report", "--by", "phase")]
    [InlineData("report", "--format", "csv", "--by", "phase")]
    [InlineData("report", "--by", "stack")]
    [InlineData("report", "--by", "line")]
    [InlineData("report", "--format", "csv", "--by", "function")]
    [InlineData("export", "--to", "folded")]
    [InlineData("export", "--to", "speedscope")]
    [InlineData("export", "--to", "firefox")]
    [InlineData("simulate", "--format", "markdown")]
    [InlineData("simulate", "--format", "csv")]
    [InlineData("advise", "--format", "csv")]
    [InlineData("info")]
    [InlineData("dump")]
    [InlineData("dump", "--format", "json")]
    public void NoControlCharacterIsPrinted(params string[] arguments)
    {
        // So dense that there is something to advise.
        const int faults = 3000;
        SmallTrace.Write(Folder["trace"], faults, comm: Name, region: "/tmp/" + Name, withStacks: true, marks: [new Mark(5, Name, MarkSource.Mark, null)]);
        SmallTrace.Write(Folder["tame"], faults, withStacks: true, marks: [new Mark(5, "evil", MarkSource.Mark, null)]);
        var lines = Faultrec([.. arguments, "tame"]).Output.Count(c => c == '\n');

        var result = Faultrec([.. arguments, "trace"]);

        Assert.Equal((0, ""), (result.Status, result.Error));
        Assert.DoesNotContain(result.Output, c => (char.IsControl(c) && c != '\n') || c is '\u202e');
        Assert.Contains("evil", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("\nfake line", result.Output, StringComparison.Ordinal);
        if (arguments.Contains("csv") || arguments[0] is "dump" or "export")
            Assert.Equal(lines, result.Output.Count(c => c == '\n'));
    }

    [Theory]
    [InlineData("report", "--format", "json")]
    [InlineData("info", "--format", "json")]
    public void JsonHoldsTheNameAsItWas(params string[] arguments)
    {
        SmallTrace.Write(Folder["trace"], comm: Name, region: "/tmp/" + Name);

        var result = Faultrec([.. arguments, "trace"]);

        Assert.Equal((0, ""), (result.Status, result.Error));
        Assert.DoesNotContain(result.Output, c => char.IsControl(c) && c != '\n');
        using var json = JsonDocument.Parse(result.Output);
        var header = arguments[0] == "report" ? json.RootElement.GetProperty("trace") : json.RootElement;
        Assert.Equal(["/tmp/" + Name, Name], header.GetProperty("command").EnumerateArray().Select(word => word.GetString()));
    }

    [Fact]
    public void AHostileFileNameInAnErrorIsInert()
    {
        var name = "no\e[31m\nsuch\rfile";

        foreach (var verb in (string[])["report", "info", "dump", "recover"])
        {
            var result = Faultrec(verb, name + ".spool");

            Assert.Equal(3, result.Status);
            Assert.DoesNotContain(Assert.Single(result.ErrorLines), char.IsControl);
        }
    }

    [Fact]
    public void AHostileOptionInAnErrorIsInert()
    {
        string[][] wrong =
        [
            ["\e[31mverb"], ["info", "x", "--evil\e[31m"], ["dump", "x", "--from", "\e[31m"], ["record", "--pid", "\e[31m1"],
            ["record", "-o", "\e[31m/x/y", "true"], ["recover", "\e[31mx"],
        ];
        foreach (var arguments in wrong)
        {
            var result = Faultrec(arguments);

            Assert.Equal(2, result.Status);
            Assert.DoesNotContain('\e', result.Error);
        }
    }
}
