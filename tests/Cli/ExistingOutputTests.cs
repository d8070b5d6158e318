namespace Faultrec.Cli.Tests;

/// <summary>One policy for a file that is there already (docs/record.md, "Files"), in every verb that writes one and needs no recording.</summary>
public sealed class ExistingOutputTests : CliTest
{
    public static TheoryData<string> Verbs =>
    [
        "report trace", "report --format json trace", "diff trace trace", "assert trace --max-major 0", "simulate trace", "advise trace", "dump trace",
        "query trace 'SELECT 1'", "query --schema", "export trace --to folded", "import perf.txt", "symbolize trace",
    ];

    [Theory]
    [MemberData(nameof(Verbs))]
    public void ItIsKeptOverwrittenOrRefused(string verb)
    {
        WriteInputs();

        var refused = Bash($"\"$F\" {verb} -o out --no-clobber");
        Assert.Equal((2, "", "precious"), (refused.Status, refused.Output, File.ReadAllText(Folder["out"])));
        Assert.Contains("out: exists already", Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(["out", "perf.txt", "trace"], Folder.Names);

        Assert.Equal(0, Bash($"\"$F\" {verb} -o out").Status);
        Assert.Equal("precious", File.ReadAllText(Folder["out.old"]));
        Assert.NotEqual("precious", File.ReadAllText(Folder["out"]));

        Assert.Equal(0, Bash($"\"$F\" {verb} -o out --force").Status);
        Assert.Equal("precious", File.ReadAllText(Folder["out.old"]));
        Assert.Equal(["out", "out.old", "perf.txt", "trace"], Folder.Names);
    }

    [Theory]
    [MemberData(nameof(Verbs))]
    public void WhatIsNotThereIsNoMatter(string verb)
    {
        WriteInputs();

        Assert.Equal(0, Bash($"\"$F\" {verb} -o new --no-clobber").Status);
        Assert.Equal(["new", "out", "perf.txt", "trace"], Folder.Names);
    }

    /// <summary>The old file would take the name of what is being read.</summary>
    [Theory]
    [InlineData("report out.old")]
    [InlineData("dump out.old")]
    [InlineData("symbolize out.old")]
    public void AnInputIsNotReplacedByTheOldFile(string verb)
    {
        WriteInputs();
        File.Move(Folder["trace"], Folder["out.old"]);
        var input = File.ReadAllBytes(Folder["out.old"]);

        var result = Bash($"\"$F\" {verb} -o out");

        Assert.Equal(2, result.Status);
        Assert.Contains("out.old: is a file that is being read", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(input, File.ReadAllBytes(Folder["out.old"]));
        Assert.Equal("precious", File.ReadAllText(Folder["out"]));
    }

    private void WriteInputs()
    {
        SmallTrace.Write(Folder["trace"], withStacks: true);
        File.WriteAllText(Folder["out"], "precious");
        File.WriteAllText(Folder["perf.txt"], "sleep  1234/1234  [001]   100.000000001:          1 minor-faults:u:     7f0000001000     55d000001000\n");
    }
}
