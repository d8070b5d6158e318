using System.Globalization;
using System.Text.RegularExpressions;

namespace Faultrec.Live.Tests;

/// <summary>The line that says how a recording goes: on a terminal that nothing else writes to.</summary>
public sealed partial class CaptureLineTests : LiveTest
{
    private const int Columns = 60;

    private string RawPath => Folder["raw.txt"];

    [Fact]
    public void ItIsRedrawnInPlaceAndGoneInTheEnd()
    {
        using var program = Running.Start(Checkout.Fixture("wait_then_touch"), "1", "2000");
        program.ReadLine();
        using var recorder = OnTerminal($"stty cols {Columns} < /dev/tty; {Checkout.Faultrec} record -o {TracePath} --pid {program.Pid}");
        Running.Until(() => Shown().Count > 0, "a first line");
        program.WriteByte();
        program.ReadLine();
        var touched = Shown().Count;
        Running.Until(() => Shown().Count > touched + 1, "a line after the faults");
        program.WriteByte();
        Assert.Equal(0, recorder.Wait().Status);

        var lines = Shown();
        var raw = File.ReadAllText(RawPath);
        Assert.All(lines, line => Assert.InRange(line.Groups[1].Length, 1, Columns - 1));
        var counts = lines.Select(line => long.Parse(line.Groups[2].Value, NumberStyles.AllowThousands, CultureInfo.InvariantCulture)).ToList();
        Assert.Equal(counts.Order(), counts);
        Assert.InRange(counts[^1], 2000, Rows.Read(TracePath).All.Count);
        Assert.StartsWith("\r\e[K", raw[(lines[^1].Index + lines[^1].Length)..], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{0} record -o {1} -- sleep 1.5")]
    [InlineData("{0} record -o {1} --all --duration 1500ms 2> said.txt; cat said.txt")]
    [InlineData("TERM=dumb {0} record -o {1} --all --duration 1500ms")]
    [InlineData("set -m; {0} record -o {1} --all --duration 1500ms & wait")]
    public void ThereIsNoneInACommandsWayOrAnothersOrInAFile(string command)
    {
        using var recorder = OnTerminal(string.Format(CultureInfo.InvariantCulture, command, Checkout.Faultrec, TracePath));
        Assert.Equal(0, recorder.Wait().Status);

        var raw = File.ReadAllText(RawPath);
        Assert.Contains("s recorded, ", raw, StringComparison.Ordinal);
        Assert.DoesNotContain("recording: ", raw, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"\r(faultrec: recording: [^\r\n\e]*?, ([0-9,]+) faults? \([^\r\n\e]*)\e\[K")]
    private static partial Regex Line();

    private MatchCollection Shown() => Line().Matches(File.Exists(RawPath) ? File.ReadAllText(RawPath) : "");

    private Running OnTerminal(string command)
    {
        File.WriteAllText(Folder["command.sh"], command);
        var circumstances = InFolder with { Environment = new Dictionary<string, string?> { ["TERM"] = "xterm" } };
        return Running.Start(circumstances, "sh", "-c", $"script -qec 'exec bash command.sh' /dev/null > {RawPath}");
    }
}
