using System.Globalization;
using System.Text.RegularExpressions;

namespace Faultrec.Live.Tests;

/// <summary>A real recording of perf's, through `perf script` and `faultrec import`, against perf's own counts of it.</summary>
public sealed partial class ImportTests : LiveTest
{
    /// <summary>-B -N: Debian's perf 6.1 fails now and then on build ids when it writes the file.</summary>
    private const string Record = "perf record -q -B -N --sample-cpu -e minor-faults,major-faults -c 1 -d -o perf.data";

    private const string Script = "perf script -i perf.data --header --show-lost-events --show-mmap-events --show-task-events --ns -F "
        + "comm,pid,tid,cpu,time,event,addr,ip";

    [Theory]
    [InlineData("seq_touch 8")]
    [InlineData("fork_cow")]
    [InlineData("cold_read 128")]
    public void EveryFaultThatPerfRecorded(string fixture)
    {
        if (Running.ToEnd("sh", "-c", "command -v perf").Status != 0)
            Assert.Skip("perf is not installed");
        var words = fixture.Split(' ');

        var said = Bash($"{Record} {Checkout.Fixture(words[0])} {string.Join(' ', words[1..])}");
        var imported = Bash($"{Script} | {Checkout.Faultrec} import -");
        var stats = Bash("perf report -i perf.data --stats").Output;
        var scripted = Bash("perf script -i perf.data -F pid,tid,cpu,event,addr,ip").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

        Assert.Equal((0, 0, ""), (said.Status, imported.Status, imported.Output));
        var rows = Rows.Read(TracePath);
        Assert.Equal(Samples(stats, "minor-faults"), rows.All.Count(row => !row.Major));
        Assert.Equal(Samples(stats, "major-faults"), rows.All.Count(row => row.Major));
        Assert.Equal(scripted.Length, rows.All.Count);
        Assert.Equal(scripted.Select(Words).Order(),
            rows.All.Select(row => string.Create(CultureInfo.InvariantCulture, $"{row.Pid}/{row.Tid} {(row.Major ? "major" : "minor")} {row.Address:x}"))
                .Order());
        Assert.InRange(rows.All.Count(row => row.Major), Number(Said(said.Output), "touch_majflt"), long.MaxValue);
        Assert.InRange(rows.All.Count, Number(Said(said.Output), "touch_minflt"), long.MaxValue);
        Assert.Equal(0, rows.Receipt.Lost);
        Assert.False(rows.Receipt.Complete);
        Assert.Contains($"{rows.All.Count.ToString("N0", CultureInfo.InvariantCulture)} faults", Running.ToEnd(Checkout.Faultrec, "report", TracePath).Output,
            StringComparison.Ordinal);
        Assert.Contains("import: perf script", Running.ToEnd(Checkout.Faultrec, "info", TracePath).Output, StringComparison.Ordinal);
    }

    /// <summary>
    /// How many pages of a file one fault maps depends on what is in memory; those that fixtures touch are sure. (Of a stack they are not: how far the
    /// environment reaches into it differs from run to run.)
    /// </summary>
    [Theory]
    [InlineData("seq_touch 8")]
    [InlineData("fork_cow")]
    public void RegionsHaveTheFaultsOfARecording(string fixture)
    {
        if (Running.ToEnd("sh", "-c", "command -v perf").Status != 0)
            Assert.Skip("perf is not installed");
        var words = fixture.Split(' ');
        var command = $"{Checkout.Fixture(words[0])} {string.Join(' ', words[1..])}";

        var imported = Bash($"{Record} {command} && {Script} | {Checkout.Faultrec} import -");
        var recorded = Bash($"{Checkout.Faultrec} record --no-stacks -o recorded.parquet -- {command}");

        Assert.Equal((0, 0), (imported.Status, recorded.Status));
        var ofPerf = Touched(TracePath);
        Assert.NotEmpty(ofPerf);
        Assert.Equal(Touched(Folder["recorded.parquet"]), ofPerf);
        Assert.InRange(Rows.Read(TracePath).Receipt.WithoutRegion, 0, 5);

        static List<string> Touched(string path)
            => [.. Rows.Read(path).All.Where(row => row.Region is not null).GroupBy(row => row.Region!.Id)
                .Where(group => group.Count() >= 100)
                .Select(group => string.Create(CultureInfo.InvariantCulture,
                    $"{group.First().Region!.Name} {group.First().Region!.Prot} of {group.First().Comm}: {group.Count()}"))
                .Order(StringComparer.Ordinal)];
    }

    private Finished Bash(string line) => Running.ToEnd(InFolder, "bash", "-o", "pipefail", "-c", line);

    private static int Samples(string stats, string name)
        => Regex.Match(stats, name + @" stats:\s+SAMPLE events: +(\d+)") is { Success: true } found
            ? int.Parse(found.Groups[1].ValueSpan, CultureInfo.InvariantCulture)
            : 0;

    // "7/7 [001] minor-faults: 7f0000001000 401000"
    private static string Words(string line)
    {
        var sample = Sample().Match(line);
        Assert.True(sample.Success, line);
        return $"{sample.Groups[1].Value} {sample.Groups[2].Value} {sample.Groups[3].Value}";
    }

    [GeneratedRegex(@"^ *(\d+/\d+) +\[\d+\] +(minor|major)-faults: +([0-9a-f]+) +[0-9a-f]+ *$")]
    private static partial Regex Sample();
}
