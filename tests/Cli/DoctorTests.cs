using System.Text.Json.Nodes;

namespace Faultrec.Cli.Tests;

/// <summary>`faultrec doctor FUNCTION…` at the command line; what it says of a kernel is for the live tests.</summary>
public sealed class DoctorTests : CliTest
{
    private const string Nowhere = "no_such_function_anywhere";

    [Theory]
    [InlineData("")]
    [InlineData("two words")]
    [InlineData("semi;colon")]
    [InlineData("name+0x10")]
    [InlineData("\u001b[31mred")]
    [InlineData("été")]
    [InlineData("a/b")]
    public void ANameThatNoFunctionHasIsOneLine(string name)
    {
        var result = Faultrec("doctor", "vfs_read", name);

        Assert.Equal((2, ""), (result.Status, result.Output));
        Assert.StartsWith("faultrec: doctor \"", Assert.Single(result.ErrorLines));
        Assert.DoesNotContain('\e', result.Error);
    }

    [Fact]
    public void ALongNameIsNotRepeated()
    {
        var result = Faultrec("doctor", new string('x', 5000));

        Assert.Equal((2, ""), (result.Status, result.Output));
        Assert.True(Assert.Single(result.ErrorLines).Length < 300);
    }

    [Fact]
    public void AFunctionThatIsNotThereEndsWithStatus4()
    {
        var result = Faultrec("doctor", Nowhere);

        Assert.Equal((4, ""), (result.Status, result.Error));
        Assert.StartsWith($"{Nowhere}: not traceable\n    not by fentry and kprobe: not in this kernel: no symbol of that name in /proc/kallsyms",
            result.Output);
        Assert.DoesNotContain("instead:", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void JsonHasEveryKeyForEveryFunction()
    {
        var result = Faultrec("doctor", "--format", "json", Nowhere, "vfs_read", Nowhere);

        Assert.Equal((4, ""), (result.Status, result.Error));
        var diagnosis = JsonNode.Parse(result.Output)!.AsObject();
        Assert.Equal(["functions", "not_looked_at"], diagnosis.Select(pair => pair.Key));
        var functions = diagnosis["functions"]!.AsArray();
        Assert.Equal([Nowhere, "vfs_read"], functions.Select(function => function!["name"]!.GetValue<string>()));
        string[] keys = ["name", "traceable", "by", "module", "symbols", "prototype", "arguments", "reasons", "variants", "similar", "substitute",
            "suggestions"];
        Assert.All(functions, function => Assert.Equal(keys, function!.AsObject().Select(pair => pair.Key)));
        var reason = Assert.Single(functions[0]!["reasons"]!.AsArray())!;
        Assert.Equal("fentry and kprobe, not_in_kernel", $"{reason["mechanism"]}, {reason["cause"]}");
    }

    [Fact]
    public void AMisspeltNameGetsTheRightOne()
    {
        var function = JsonNode.Parse(Faultrec("doctor", "--format", "json", "vfs_raed").Output)!["functions"]![0]!;

        Assert.Equal("vfs_read", function["similar"]![0]!.GetValue<string>());
    }
}
