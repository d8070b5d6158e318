using System.Globalization;
using System.Text.Json;

namespace Faultrec.Cli.Tests;

public sealed class ReplayTests : CliTest
{
    [Fact]
    public void JsonSaysHowCloseItCame()
    {
        SmallTrace.Write(Folder["a.parquet"]);

        var finished = Faultrec("replay", "a.parquet", "--format", "json");

        Assert.Equal((0, ""), (finished.Status, finished.Error));
        var result = JsonDocument.Parse(finished.Output).RootElement;
        Assert.Equal(1, result.GetProperty("fidelity").GetDouble());
        Assert.Equal(100, result.GetProperty("totals").GetProperty("replayed").GetInt64());
        Assert.Equal(["[heap]", "/usr/bin/toucher"], result.GetProperty("regions").EnumerateArray().Select(region => region.GetProperty("name").GetString()));
    }

    [Fact]
    public void TextBeginsWithTheOneFigure()
    {
        SmallTrace.Write(Folder["a.parquet"], region: "/tmp/\u001b[31mred");

        var finished = Faultrec("replay", "a.parquet", "--order", "strict");

        Assert.StartsWith("fidelity 100.00 %: of 100 recorded faults of a.parquet", finished.Output, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', finished.Output);
    }

    [Fact]
    public void AChangeIsComparedWithNone()
    {
        SmallTrace.Write(Folder["a.parquet"]);

        var text = Faultrec("replay", "a.parquet", "--populate", "[heap]", "--compare", "2");
        var json = Faultrec("replay", "a.parquet", "--populate", "[heap]", "--compare", "2", "--format", "json");

        Assert.Equal(["faultrec: pair 1 of 2", "faultrec: pair 2 of 2"], text.ErrorLines);
        Assert.StartsWith("100 recorded faults of a.parquet, replayed plain and with --populate [heap] in turns, 2 times each\n", text.Output,
            StringComparison.Ordinal);
        var result = JsonDocument.Parse(json.Output).RootElement;
        Assert.Equal("--populate [heap]", result.GetProperty("options").GetProperty("change").GetString());
        var faults = result.GetProperty("figures").EnumerateArray().First();
        Assert.True(faults.GetProperty("changed").GetInt64() < faults.GetProperty("plain").GetInt64(), faults.ToString());
    }

    [Fact]
    public void WithoutSwapNothingCanBeSwappedOut()
    {
        Assert.SkipUnless(File.ReadLines("/proc/swaps").Count() == 1, "swap is on here");
        SmallTrace.Write(Folder["a.parquet"]);

        var finished = Faultrec("replay", "a.parquet", "--swap");

        Assert.Equal(4, finished.Status);
        Assert.StartsWith("faultrec: --swap: this machine has no active swap", Assert.Single(finished.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void AChangeOfNoRegionIsAMistake()
    {
        SmallTrace.Write(Folder["a.parquet"]);

        var finished = Faultrec("replay", "a.parquet", "--populate", "no-such-region");

        Assert.Equal(3, finished.Status);
        Assert.StartsWith("faultrec: --populate no-such-region: found no such region with faults", Assert.Single(finished.ErrorLines),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--speed", "fast", "expected max, or a number")]
    [InlineData("--speed", "0", "expected max, or a number")]
    [InlineData("--scale", "0", "expected a whole number")]
    [InlineData("--order", "random", "expected one of thread, strict")]
    [InlineData("--files", "all", "expected one of stand-in, real")]
    [InlineData("--thp", "sometimes", "expected one of always, never")]
    [InlineData("--page-size", "3KiB", "expected a power of two from 8KiB to 2MiB")]
    [InlineData("--fault-around", "4GiB", "expected a power of two from 8KiB to 2MiB")]
    [InlineData("--threads", "0", "expected a whole number from 1 to 500")]
    [InlineData("--numa", "-1", "expected a whole number from 0 to 31")]
    [InlineData("--compare", "3", "expected one of the what-if options")]
    public void AWrongOptionIsOneLine(string option, string value, string expected)
    {
        SmallTrace.Write(Folder["a.parquet"]);

        var finished = Faultrec("replay", "a.parquet", option, value);

        Assert.Equal(2, finished.Status);
        Assert.Contains(expected, Assert.Single(finished.ErrorLines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Running.Sigint)]
    [InlineData(Running.Sigterm)]
    public void ASignalEndsItAndWhateverItStarted(int signal)
    {
        // 100 faults that would take a thousand seconds.
        SmallTrace.Write(Folder["a.parquet"]);
        using var running = Running.Start(Checkout.Faultrec, "replay", Folder["a.parquet"], "--speed", "0.0000001");
        Running.Until(() => Tasks(running.Pid).Count >= 2, "the replay's processes");
        var tasks = Tasks(running.Pid);

        running.Signal(signal);
        var finished = running.Wait();

        Assert.Equal(128 + signal, finished.Status);
        Assert.Contains("interrupted", finished.Error, StringComparison.Ordinal);
        Running.Until(() => tasks.TrueForAll(pid => !Directory.Exists($"/proc/{pid}")), "the end of the replay's processes");
    }

    [Fact]
    public void WhenItIsKilledTheRestEndsByItself()
    {
        SmallTrace.Write(Folder["a.parquet"]);
        using var running = Running.Start(Checkout.Faultrec, "replay", Folder["a.parquet"], "--speed", "0.0000001");
        Running.Until(() => Tasks(running.Pid).Count >= 2, "the replay's processes");
        var tasks = Tasks(running.Pid);

        running.Signal(Running.Sigkill);
        running.Wait();

        Running.Until(() => tasks.TrueForAll(pid => !Directory.Exists($"/proc/{pid}")), "the end of the replay's processes");
    }

    // The engine's first process and those that it forked.
    private static List<int> Tasks(int parent)
    {
        var children = new List<int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
                && Running.StatusNumber(pid, "PPid") == parent)
            {
                children.AddRange([pid, .. Tasks(pid)]);
            }
        }

        return children;
    }
}
