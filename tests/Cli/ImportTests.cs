namespace Faultrec.Cli.Tests;

/// <summary>`faultrec import`: its words, and what it says of what it did not take.</summary>
public sealed class ImportTests : CliTest
{
    private const string Line = "app 1/1 [000] 1.000000: minor-faults: 1000 2000\n";

    [Fact]
    public void FromAFileAndFromStdin()
    {
        File.WriteAllText(Folder["perf.txt"], Line);

        var file = Faultrec("import", "perf.txt");
        var stdin = Bash("$F import - -o second.parquet < perf.txt");

        Assert.Equal((0, ""), (file.Status, file.Output));
        Assert.Equal("faultrec: trace.parquet: 1 fault imported; perf compares with no counter of the kernel, so nothing says that these are all", Assert.Single(file.ErrorLines));
        Assert.Equal(0, stdin.Status);
        Assert.Equal(File.ReadAllBytes(Folder["trace.parquet"]), File.ReadAllBytes(Folder["second.parquet"]));
        Assert.Equal("severity,n\nminor,1\n", Faultrec("query", "trace.parquet", "SELECT severity, count(*) AS n FROM faults GROUP BY 1", "--format", "csv").Output);
    }

    [Fact]
    public void WhatWasLeftOutIsSaid()
    {
        File.WriteAllText(Folder["perf.txt"], Line + "app 1/1 [000] 1.000001: PERF_RECORD_LOST lost 4\nwhat\e[31m\napp 1/1 [000] 1.000002: cycles: 0 2000\n");

        var result = Faultrec("import", "perf.txt");

        Assert.Equal(0, result.Status);
        Assert.Equal(
            ["faultrec: perf lost 4 events", "faultrec: 1 line not understood, the first is line 3; counted as lost", "faultrec: 1 record of other kinds left out"],
            result.ErrorLines[1..]);
    }

    [Fact]
    public void WhatIsRefusedLeavesNoFile()
    {
        File.WriteAllText(Folder["no\e[1m.txt"], "nothing of perf's\n");
        File.WriteAllText(Folder["perf.txt"], Line);
        File.WriteAllText(Folder["there.parquet"], "precious");

        var foreign = Faultrec("import", "no\e[1m.txt");
        var missing = Faultrec("import", "missing.txt");
        var stdout = Faultrec("import", "perf.txt", "-o", "-");
        var existing = Faultrec("import", "perf.txt", "-o", "there.parquet");

        Assert.Equal([3, 3, 2, 2], [foreign.Status, missing.Status, stdout.Status, existing.Status]);
        Assert.DoesNotContain(Assert.Single(foreign.ErrorLines), char.IsControl);
        Assert.Contains("no such file", Assert.Single(missing.ErrorLines), StringComparison.Ordinal);
        Assert.Equal("precious", File.ReadAllText(Folder["there.parquet"]));
        Assert.Equal(3, Folder.Names.Count);
        Assert.Equal(0, Faultrec("import", "perf.txt", "-o", "there.parquet", "--force").Status);
    }
}
