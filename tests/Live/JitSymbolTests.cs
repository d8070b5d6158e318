using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;

namespace Faultrec.Live.Tests;

/// <summary>Programs whose code is made while they run: its frames have names, and the program does not notice.</summary>
public sealed class JitSymbolTests : LiveTest
{
    private const int Arrays = 20;

    [Theory]
    [InlineData("dotnet", "fixtures/managed/bin/Release/net10.0/Faultrec.ManagedTouch.dll", "Faultrec.Fixtures.ManagedTouch.TouchPages()")]
    [InlineData("/usr/bin/node", "fixtures/touch.js", "touchPages")]
    public void FaultsNameTheManagedMethod(string runtime, string program, string method)
    {
        Assert.SkipUnless(runtime[0] != '/' || File.Exists(runtime), $"{runtime} is not installed");

        var result = Record(runtime, program);

        Assert.Equal("", result.Error.Replace(Summary(result), "", StringComparison.Ordinal));
        var pages = Number(Said(result.Output), "pages");
        var stacks = Stacks();
        var touching = stacks.Count(frames => frames.Any(frame => frame.Function == method));
        Assert.InRange(touching, 0.95 * pages, 1.05 * pages);
        var managed = stacks.Where(frames => frames.Any(frame => frame.Kind == "jit")).ToList();
        Assert.InRange(managed.Count(frames => frames.Any(frame => frame is { Kind: "jit", Function: not null })), 0.95 * managed.Count, managed.Count);
        // From the method through the runtime's own code to the beginning of the program.
        Assert.InRange(managed.Count(frames => frames.Any(frame => frame.Function?.Contains("libc_start", StringComparison.Ordinal) == true)),
            0.95 * managed.Count, managed.Count);
        Assert.Empty(MapsOfThisRecording());
    }

    /// <summary>With its own switch the virtual machine says what code it made; without, the report says which switch that is.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void FaultsNameTheJavaMethodWhereThereIsAMap(bool hasMap)
    {
        const string java = "/usr/bin/java";
        Assert.SkipUnless(File.Exists(java), "java is not installed");
        string[] map = hasMap ? ["-XX:+UnlockDiagnosticVMOptions", "-XX:+DumpPerfMapAtExit"] : [];

        var result = Running.ToEnd(InFolder, Checkout.Faultrec, ["record", "--stacks", "-o", TracePath, "--", java,
            // Compiled at its first call: what is interpreted has no name of its own. No pages are touched before.
            "-XX:+UseG1GC", "-Xms512m", "-XX:+PreserveFramePointer", "-Xcomp", "-XX:CompileCommand=quiet", "-XX:CompileCommand=compileonly,Touch::*",
            "-XX:CompileCommand=dontinline,Touch::touchPages", .. map,
            Path.Combine(Checkout.Root, "fixtures/Touch.java"), $"{Arrays}"]);

        Assert.Equal("", result.Error.Replace(Summary(result), "", StringComparison.Ordinal));
        var pages = Number(Said(result.Output), "pages");
        var touching = Stacks().Count(frames => frames.Any(frame => frame is { Kind: "jit", Function: "Touch.touchPages()" }));
        var report = Running.ToEnd(InFolder, Checkout.Faultrec, "report", TracePath, "--by", "toucher").Output;
        if (hasMap)
            Assert.InRange(touching, 0.95 * pages, 1.05 * pages);
        else
            Assert.Equal(0, touching);
        Assert.Equal(hasMap, report.Contains("Touch.touchPages()", StringComparison.Ordinal));
        Assert.Equal(!hasMap,
            report.ReplaceLineEndings(" ").Contains("run java with -XX:+UnlockDiagnosticVMOptions -XX:+DumpPerfMapAtExit", StringComparison.Ordinal));
    }

    /// <summary>What makes Node name its code also made it leave a log where it runs, one a process.</summary>
    [Fact]
    public void NodeLeavesNothingInItsFolder()
    {
        const string parent = "const run = require('child_process').execFileSync; run(process.execPath, ['-e', '1']); "
            + "new (require('worker_threads').Worker)('1', { eval: true })";
        Assert.SkipUnless(File.Exists("/usr/bin/node"), "node is not installed");

        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "-o", TracePath, "--", "/usr/bin/node", "-e", parent);

        Assert.Equal(0, result.Status);
        Assert.Equal(["trace.parquet"], Folder.Names);
        using var reader = TraceReader.Open(TracePath);
        Assert.True(reader.Metadata.Processes.Count >= 2);
        Assert.Empty(MapsOfThisRecording());
    }

    /// <summary>A perf map has no times; what it had at each moment tells.</summary>
    [Fact]
    public void CodeThatUsesAnAddressAgainDoesNotNameFaultsFromBefore()
    {
        const int pages = 200;
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--stacks", "-o", TracePath, "--", Checkout.Fixture("jit_reuse"), $"{pages}", "1");
        Assert.Equal(0, result.Status);
        var said = Said(result.Output);
        File.Delete((string)said["map"]!);

        var (start, rows) = (Address(said, "start"), Rows.Read(TracePath));
        IEnumerable<string?> Functions(ulong from, int count)
            => rows.In(from, count).Select(row => rows.Metadata.Stacks!.FramesOf(row.StackId!.Value).First().Function).Distinct();
        Assert.Equal(["first"], Functions(start, pages));
        Assert.Equal(["second"], Functions(start + (pages * 4096UL), 2 * pages));
    }

    [Fact]
    public void WithoutTheSwitchTheEnvironmentIsAsItWas()
    {
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--stacks", "--no-jit-maps", "-o", TracePath, "--", "env");

        Assert.DoesNotContain("DOTNET_PerfMapEnabled", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("--perf-basic-prof", result.Output, StringComparison.Ordinal);
    }

    private Finished Record(string runtime, string program)
        => Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--stacks", "-o", TracePath, "--", runtime, Path.Combine(Checkout.Root, program), $"{Arrays}");

    /// <summary>What faultrec itself says.</summary>
    private static string Summary(Finished result)
        => string.Concat(result.Error.Split('\n').Where(line => line.StartsWith("faultrec: ", StringComparison.Ordinal)).Select(line => line + '\n'));

    private List<List<StackFrame>> Stacks()
    {
        using var reader = TraceReader.Open(TracePath);
        var table = reader.Metadata.Stacks!;
        return [.. Rows.ReadAll(reader, (batch, i) => batch.StackId[i]).Where(id => id >= 0).Select(id => table.FramesOf((int)id).ToList())];
    }

    private IEnumerable<string> MapsOfThisRecording()
    {
        using var reader = TraceReader.Open(TracePath);
        return [.. reader.Metadata.Processes.Select(process => $"/tmp/perf-{process.Pid}.map").Where(File.Exists)];
    }
}
