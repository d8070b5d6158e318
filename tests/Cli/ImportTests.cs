using Parquet;
using Parquet.Schema;

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
        Assert.Equal("faultrec: trace.parquet: 1 fault imported; perf does not compare them with a kernel counter, so faults may be missing",
            Assert.Single(file.ErrorLines));
        Assert.Equal(0, stdin.Status);
        Assert.Equal(File.ReadAllBytes(Folder["trace.parquet"]), File.ReadAllBytes(Folder["second.parquet"]));
        Assert.Equal("severity,n\nminor,1\n",
            Faultrec("query", "trace.parquet", "SELECT severity, count(*) AS n FROM faults GROUP BY 1", "--format", "csv").Output);
    }

    [Fact]
    public void WhatWasLeftOutIsSaid()
    {
        File.WriteAllText(Folder["perf.txt"], Line + "app 1/1 [000] 1.000001: PERF_RECORD_LOST lost 4\nwhat\e[31m\napp 1/1 [000] 1.000002: cycles: 0 2000\n");

        var result = Faultrec("import", "perf.txt");

        Assert.Equal(0, result.Status);
        Assert.Equal(
            ["faultrec: perf lost 4 events", "faultrec: 1 line not understood, the first is line 3; counted as lost",
                "faultrec: 1 record of other kinds left out"],
            result.ErrorLines[1..]);
    }

    /// <summary>Files of systing's schema, written here: systing itself does not run in the tests.</summary>
    [Fact]
    public void FromSysting()
    {
        Directory.CreateDirectory(Folder["systing"]);
        Table("memory_fault", ("ts", new[] { 1000L, 2000 }), ("utid", new[] { 1L, 1 }), ("addr", new[] { 4096L, 8192 }), ("error_code", new[] { 6, 4 }));
        Table("thread", ("utid", new[] { 1L }), ("tid", new[] { 7 }), ("upid", new[] { 5L }), ("name", new[] { "a\e[31mpp".AsMemory() }));
        Table("process", ("upid", new[] { 5L }), ("pid", new[] { 7 }), ("name", new[] { "a\e[31mpp".AsMemory() }));

        var folder = Faultrec("import", "systing");
        var file = Faultrec("import", "systing/memory_fault.parquet", "-o", "second.parquet");

        Assert.Equal((0, "", 0), (folder.Status, folder.Output, file.Status));
        Assert.Equal("faultrec: trace.parquet: 2 faults imported; systing does not say which were major, or whether any were lost",
            Assert.Single(folder.ErrorLines));
        Assert.Equal(File.ReadAllBytes(Folder["trace.parquet"]), File.ReadAllBytes(Folder["second.parquet"]));
        Assert.Contains("2 of unknown severity", Faultrec("report", "--full", "trace.parquet").Output, StringComparison.Ordinal);
        Assert.Equal("severity,major,n\nunknown,,2\n",
            Faultrec("query", "trace.parquet", "SELECT severity, major, count(*) AS n FROM faults GROUP BY ALL", "--format", "csv").Output);
        var budget = Faultrec("assert", "trace.parquet", "--max-major", "0", "--allow-incomplete");
        Assert.Equal((3, ""), (budget.Status, budget.Output));
        Assert.Contains("does not say which faults were major", Assert.Single(budget.ErrorLines), StringComparison.Ordinal);
        Assert.Equal(0, Faultrec("assert", "trace.parquet", "--max-faults", "2", "--allow-incomplete").Status);
        foreach (var shown in (string[])["report", "info", "dump"])
            Assert.DoesNotContain('\e', Faultrec(shown, "trace.parquet").Output);

        File.Delete(Folder["systing/thread.parquet"]);
        var alone = Faultrec("import", "systing", "-o", "third.parquet");
        Assert.Equal((3, false), (alone.Status, File.Exists(Folder["third.parquet"])));
        Assert.Contains("thread.parquet: no such file", Assert.Single(alone.ErrorLines), StringComparison.Ordinal);
    }

    private void Table(string name, params (string Name, Array Values)[] columns)
    {
        var fields = Array.ConvertAll(columns, column => new DataField(column.Name, TypeOf(column.Values), false));
        using var file = File.Create(Folder[$"systing/{name}.parquet"]);
        var writer = ParquetWriter.CreateAsync(new ParquetSchema(fields.Select(field => (Field)field)), file).GetAwaiter().GetResult();
        using (var group = writer.CreateRowGroup())
        {
            for (var i = 0; i < fields.Length; i++)
            {
                (columns[i].Values switch
                {
                    long[] numbers => group.WriteAllPartsAsync<long>(fields[i], numbers, null, null, default),
                    int[] numbers => group.WriteAllPartsAsync<int>(fields[i], numbers, null, null, default),
                    var texts => group.WriteAllPartsAsync<ReadOnlyMemory<char>>(fields[i], (ReadOnlyMemory<char>[])texts, null, null, default),
                }).GetAwaiter().GetResult();
            }
        }

        writer.DisposeAsync().AsTask().GetAwaiter().GetResult();

        static Type TypeOf(Array values) => (values is ReadOnlyMemory<char>[]) ? typeof(string) : values.GetType().GetElementType()!;
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
        var existing = Faultrec("import", "perf.txt", "-o", "there.parquet", "--no-clobber");

        Assert.Equal([3, 3, 2, 2], [foreign.Status, missing.Status, stdout.Status, existing.Status]);
        Assert.DoesNotContain(Assert.Single(foreign.ErrorLines), char.IsControl);
        Assert.Contains("no such file", Assert.Single(missing.ErrorLines), StringComparison.Ordinal);
        Assert.Equal("precious", File.ReadAllText(Folder["there.parquet"]));
        Assert.Equal(3, Folder.Names.Count);
        Assert.Equal(0, Faultrec("import", "perf.txt", "-o", "there.parquet", "--force").Status);
    }
}
