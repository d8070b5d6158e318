using System.Globalization;
using System.Text.Json;

namespace Faultrec.Live.Tests;

/// <summary>`faultrec trace` against the fixtures' own counts and the kernel's.</summary>
public sealed class TraceVerbTests : LiveTest
{
    private string LinesPath => Folder["lines.txt"];

    [Theory]
    [InlineData("seq_touch", "touch_minflt", "minor", "16")]
    [InlineData("rand_touch", "touch_minflt", "minor", "50000", "1024")]
    [InlineData("cold_read", "touch_majflt", "major", "150")]
    public void ALineIsAFault(string fixture, string count, string kind, params string[] arguments)
    {
        var result = Trace(["-o", LinesPath, "--", Checkout.Fixture(fixture), .. arguments]);

        Assert.Equal(0, result.Status);
        var said = Said(result.Output);
        var lines = File.ReadAllLines(LinesPath);
        Assert.Matches(@"^ +time s +pid +tid cpu comm +address access kind +µs region", lines[0]);
        var faults = lines[1..].Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToList();
        Assert.All(faults, fields => Assert.Equal(fixture, fields[4]));
        Assert.Single(faults.Select(fields => fields[1]).Distinct());
        // What the fixture counted itself, and the program's start.
        Assert.InRange(faults.Count(fields => fields[7] == kind), Number(said, count), Number(said, count) + 150);
        Assert.Equal((faults.Count, faults.Count, 0, 0), Summary(result));
        Assert.Equal(faults.Select(Time).Order(), faults.Select(Time));
    }

    [Fact]
    public void FailedFaultsShowTheirSignal()
    {
        var result = Trace("-o", LinesPath, "--kind", "failed", "--", Checkout.Fixture("segv"), "20", "5");

        Assert.Equal(0, result.Status);
        var said = Said(result.Output);
        var lines = File.ReadAllLines(LinesPath)[1..];
        Assert.Equal(5, Count(said["sigsegv_address"], "SIGSEGV"));
        Assert.Equal(1, Count(said["sigbus_address"], "SIGBUS"));
        Assert.Equal(6, lines.Length);

        int Count(object? address, string signal)
            => lines.Count(line => line.Contains($" {address} ", StringComparison.Ordinal) && line.Contains($" {signal} ", StringComparison.Ordinal));
    }

    /// <summary>Two runs of the same program: the fields are those of a dump, and the counts agree.</summary>
    [Fact]
    public void JsonLinesAreThoseOfADump()
    {
        string[] program = [Checkout.Fixture("rand_touch"), "20000", "512"];

        var traced = Trace(["--format", "json", "-o", LinesPath, "--", .. program]);
        var recorded = Running.ToEnd(InFolder, Checkout.Faultrec, ["record", "-o", TracePath, "--", .. program]);

        Assert.Equal((0, 0), (traced.Status, recorded.Status));
        var dump = Running.ToEnd(InFolder, Checkout.Faultrec, "dump", "--format", "json", TracePath).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var live = File.ReadAllLines(LinesPath);
        var fields = Fields(dump[0]);
        Assert.All(live, line => Assert.Equal(fields, Fields(line)));
        Assert.Equal((20_000, 20_000), (MostOfARegion(dump), MostOfARegion(live)));

        static int MostOfARegion(string[] lines) => lines.CountBy(line =>
        {
            using var fault = JsonDocument.Parse(line);
            return fault.RootElement.GetProperty("region_id").GetInt32();
        }).Max(region => region.Value);
    }

    /// <summary>Nobody reads until the program has ended: it runs to its end, and what there was no room for is counted.</summary>
    [Fact]
    public void AStoppedReaderCostsLinesAndNotTheProgram()
    {
        const int faults = 600_000;
        Assert.Equal(0, Running.ToEnd("mkfifo", Folder["pipe"]).Status);
        // First both ends, so that opening the pipe waits for nobody.
        using var pipe = Running.Start(InFolder, "bash", "-c", "exec 3<>pipe; exec 4<pipe; exec 3>&-; echo open; read line; exec cat <&4");
        pipe.ReadLine();
        using var tracer = Running.Start(
            InFolder, "bash", "-c", $"exec {Checkout.Faultrec} trace -- bash -c '{Checkout.Fixture("rand_touch")} {faults} 512 >&2' > pipe");

        Running.Until(() => tracer.ErrorSoFar.Contains("touch_minflt", StringComparison.Ordinal), "the program has ended while nobody reads");
        pipe.WriteByte();
        var result = tracer.Wait();
        // "open", the header, then faults.
        var lines = pipe.Wait().Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal(0, result.Status);
        var (total, kernel, notShown, lost) = Summary(result);
        Assert.Equal(kernel, total + lost);
        Assert.InRange(notShown, 1, faults);
        Assert.Equal(total - notShown, lines.Skip(2).Count(line => line[0] != '…'));
        Assert.Equal(notShown, Told(lines, "not shown"));
        Assert.Equal(lost, Told(lines, "lost"));

        static long Told(string[] lines, string what) => lines.Where(line => line[0] == '…' && line.Contains(what, StringComparison.Ordinal))
            .Sum(line => long.Parse(line.Split(' ')[1], NumberStyles.AllowThousands, CultureInfo.InvariantCulture));
    }

    [Fact]
    public void AReaderThatHasSeenEnoughEndsTheTraceNotTheCommand()
    {
        var script = $"{Checkout.Fixture("rand_touch")} 200000 512 >said; exit 7";

        var result = Running.ToEnd(InFolder, "bash", "-c", $"{Checkout.Faultrec} trace -- sh -c '{script}' | head -3; echo status ${{PIPESTATUS[0]}}");

        Assert.Equal("", result.Error);
        var lines = result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal((4, "status 7"), (lines.Length, lines[^1]));
        Assert.Equal(200_000, Number(Said(File.ReadAllText(Folder["said"])), "touch_minflt"));
    }

    [Fact]
    public void CtrlCEndsItAndAnAttachedProcessLivesOn()
    {
        using var program = Running.Start(Checkout.Fixture("wait_then_touch"), "1", "500");
        program.ReadLine();
        using var tracer = Running.Start(InFolder, Checkout.Faultrec, "trace", "--summary", "--interval", "100ms", "--pid", $"{program.Pid}");
        tracer.ReadLine(); // a first interval: it is attached
        program.WriteByte();
        var said = Said(program.ReadLine());

        tracer.Signal(Running.Sigint);

        var result = tracer.Wait();
        Assert.Equal(0, result.Status);
        var (total, kernel, notShown, lost) = Summary(result);
        Assert.Equal((1000, 0, 0), (Number(said, "touch_minflt"), notShown, lost));
        Assert.Equal(kernel, total);
        Assert.InRange(total, 1000, 1200);
        program.WriteByte();
        Assert.Equal(0, program.Wait().Status);
    }

    [Fact]
    public void TheBlocksOfASummaryAddUp()
    {
        var result = Trace("--summary", "--interval", "100ms", "--top", "0", "-o", LinesPath, "--", Checkout.Fixture("seq_touch"), "16", "1");

        Assert.Equal(0, result.Status);
        var titles = File.ReadAllLines(LinesPath).Where(line => line.Contains(" s: ", StringComparison.Ordinal)).ToList();
        Assert.InRange(titles.Count, 4, 1000);
        Assert.StartsWith("total ", titles[^1]);
        Assert.Equal(Faults(titles[^1]), titles.SkipLast(1).Sum(Faults));
        Assert.Equal((Faults(titles[^1]), Faults(titles[^1]), 0, 0), Summary(result));
        Assert.InRange(Faults(titles[^1]), Number(Said(result.Output), "touch_minflt"), Number(Said(result.Output), "touch_minflt") + 150);
        Assert.DoesNotContain('\e', File.ReadAllText(LinesPath));

        static long Faults(string title) => long.Parse(title.Split(": ")[1].Split(' ')[0], NumberStyles.AllowThousands, CultureInfo.InvariantCulture);
    }

    [Theory]
    [InlineData(3, "exit 3")]
    [InlineData(128 + 15, "kill -TERM $$")]
    public void TheStatusIsTheCommandsOwn(int status, string script)
        => Assert.Equal(status, Trace("-o", LinesPath, "--", "sh", "-c", script).Status);

    [Fact]
    public void AFullOutputIsAnErrorAndTheCommandRunsOn()
    {
        var result = Trace("-o", "/dev/full", "--", "sh", "-c", "sleep 0.3; echo done");

        Assert.Equal((4, "done\n"), (result.Status, result.Output));
        Assert.Contains("/dev/full", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }

    private Finished Trace(params string[] arguments) => Running.ToEnd(InFolder, Checkout.Faultrec, ["trace", .. arguments]);

    /// <summary>The last line on stderr: faults that were taken, what the kernel counted with those that failed, not shown, lost.</summary>
    private static (long Total, long Kernel, long NotShown, long Lost) Summary(Finished result)
    {
        var parts = result.ErrorLines[^1]["faultrec: ".Length..].Replace(", ", ";", StringComparison.Ordinal).Split(';');
        var kernel = parts.Single(part => part.StartsWith("the kernel counted ", StringComparison.Ordinal))["the kernel counted ".Length..].Split(' ');
        var failed = kernel.Length > 1 ? Parse(kernel[2]) : 0;
        return (
            Parse(parts[0].Split(' ')[0]), Parse(kernel[0]) + failed,
            parts.FirstOrDefault(part => part.Contains(" not shown", StringComparison.Ordinal)) is { } notShown ? Parse(notShown.Split(' ')[0]) : 0,
            Parse(parts.Single(part => part.EndsWith(" lost by the probes", StringComparison.Ordinal)).Split(' ')[0]));

        static long Parse(string text) => long.Parse(text, NumberStyles.AllowThousands, CultureInfo.InvariantCulture);
    }

    private static decimal Time(string[] fields) => decimal.Parse(fields[0], CultureInfo.InvariantCulture);

    private static string[] Fields(string line)
    {
        using var fault = JsonDocument.Parse(line);
        return [.. fault.RootElement.EnumerateObject().Select(property => property.Name)];
    }
}
