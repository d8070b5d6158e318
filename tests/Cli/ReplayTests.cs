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

    [Theory]
    [InlineData("--speed", "fast", "expected max, or a number")]
    [InlineData("--speed", "0", "expected max, or a number")]
    [InlineData("--scale", "0", "expected a whole number")]
    [InlineData("--order", "random", "expected one of thread, strict")]
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
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) && Running.StatusNumber(pid, "PPid") == parent)
                children.AddRange([pid, .. Tasks(pid)]);
        }

        return children;
    }
}
