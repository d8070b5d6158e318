using Faultrec.Traces.Files;

namespace Faultrec.Live.Tests;

/// <summary>A stripped program's trace gets its names later, from a debug file with its build id, and from no other.</summary>
public sealed class SymbolizeTests : LiveTest
{
    [Fact]
    public void NamesComeFromTheDebugFileOfTheBuildId()
    {
        var program = Folder["stripped"];
        Tool("objcopy", "--strip-all", Checkout.Fixture("callchain"), program);
        var recorded = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--stacks", "-o", TracePath, "--", program, "100");
        Assert.Equal(0, recorded.Status);
        var before = Read(TracePath);
        Assert.DoesNotContain("main", before.Functions);
        var buildId = before.BuildIds[program]!;
        var debugFile = Folder[$"debug/.build-id/{buildId[..2]}/{buildId[2..]}.debug"];
        Directory.CreateDirectory(Path.GetDirectoryName(debugFile)!);

        // Another program under this one's name.
        File.Copy(Checkout.Fixture("threads"), debugFile);
        Symbolize();
        Assert.DoesNotContain("main", Read(Folder["named.parquet"]).Functions);

        Tool("objcopy", "--only-keep-debug", Checkout.Fixture("callchain"), debugFile);
        var said = Symbolize();
        var after = Read(Folder["named.parquet"]);
        Assert.Contains("main", after.Functions);
        Assert.Matches(@"[1-9][0-9]* of [0-9]+ frames without a name have one now", said);
        Assert.Equal(before.Rows, after.Rows);

        // What the compiler put into others is there too: the stacks are those of the program that has its names.
        File.Copy(Checkout.Fixture("callchain"), program, overwrite: true);
        recorded = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--stacks", "-o", TracePath, "--force", "--", program, "100");
        Assert.Equal(0, recorded.Status);
        Assert.Equal(Read(TracePath).StacksOfOuter, after.StacksOfOuter);
        Assert.NotEmpty(after.StacksOfOuter);
    }

    [Fact]
    public void ATraceWithoutStacksIsRefused()
    {
        var recorded = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--no-stacks", "-o", TracePath, "--", Checkout.Fixture("seq_touch"), "10");
        Assert.Equal(0, recorded.Status);

        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "symbolize", TracePath);

        Assert.Equal((3, ""), (result.Status, result.Output));
        Assert.Contains("has no stacks", result.Error, StringComparison.Ordinal);
    }

    private string Symbolize()
    {
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "symbolize", TracePath, "--debug-dir", Folder["debug"], "-o", Folder["named.parquet"]);
        Assert.Equal((0, ""), (result.Status, result.Output));
        return result.Error;
    }

    private static void Tool(string name, params string[] arguments)
    {
        var result = Running.ToEnd(name, arguments);
        Assert.True(result.Status == 0, result.Error);
    }

    private static Contents Read(string path)
    {
        using var reader = TraceReader.Open(path);
        var table = reader.Metadata.Stacks!;
        return new Contents(
            [.. table.Frames.Select(frame => frame.Function)],
            table.Modules.ToDictionary(module => module.Path, module => module.BuildId),
            Rows.ReadAll(reader, (batch, i) => (batch.TimeNs[i], batch.Address[i], batch.Pfn[i], batch.Comm[i])),
            [.. Rows.ReadAll(reader, (batch, i) => batch.Stack[i]).Where(text => text?.Contains(";outer;", StringComparison.Ordinal) == true)]);
    }

    private sealed record Contents(
        HashSet<string?> Functions, Dictionary<string, string?> BuildIds, List<(long, long, long, string)> Rows, SortedSet<string?> StacksOfOuter);
}
