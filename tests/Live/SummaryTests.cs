using System.Globalization;
using System.Text.RegularExpressions;

namespace Faultrec.Live.Tests;

/// <summary>`trace --summary`: who waits for what, and what it leaves on a terminal.</summary>
public sealed partial class SummaryTests : LiveTest
{
    private const int Lines = 24;

    private string RawPath => Folder["raw.txt"];

    /// <summary>Two programs: one faults most, the other waits for its file. The order and the names say which is which.</summary>
    [Fact]
    public void WhoWaitsComesFirstIfAskedForAndItsFileIsNamed()
    {
        const int pages = 150;
        var command = $"{Checkout.Fixture("cold_read")} {pages}; {Checkout.Fixture("seq_touch")} 16";
        foreach (var (order, first) in new[] { ("faults", "seq_touch"), ("major", "cold_read") })
        {
            var result = Running.ToEnd(
                InFolder, Checkout.Faultrec, "trace", "--summary", "--sort", order, "--force", "-o", RawPath, "--", "sh", "-c", command);

            Assert.Equal(0, result.Status);
            var rows = File.ReadAllLines(RawPath).SkipWhile(line => !line.StartsWith("total ", StringComparison.Ordinal)).Skip(2).ToList();
            Assert.Contains($" {first} ", rows[0], StringComparison.Ordinal);
            var waiting = rows.Single(row => row.Contains(" cold_read ", StringComparison.Ordinal));
            Assert.Matches(@"; major: \S+-cold\.bin \d", waiting);
            // The fixture times its reads; the handler is a part of that.
            var said = Said(result.Output.Split('\n')[0]);
            var total = double.Parse(TotalSeconds().Match(File.ReadAllText(RawPath)).Groups[1].Value, CultureInfo.InvariantCulture);
            var share = double.Parse(Share().Match(waiting).Groups[1].Value, CultureInfo.InvariantCulture) / 100;
            Assert.InRange(share * total * 1e9, 0.02 * Number(said, "touch_ns"), 2 * Number(said, "touch_ns"));
        }
    }

    /// <summary>Blocks take each other's place; after Ctrl-C the total alone is there, with faultrec's last line below it.</summary>
    [Fact]
    public void OnATerminalCtrlCLeavesTheTotalAlone()
    {
        using var program = Running.Start(Checkout.Fixture("wait_then_touch"), "1", "500");
        program.ReadLine();
        File.WriteAllText(
            Folder["command.sh"],
            $"stty rows {Lines} cols 100 < /dev/tty; exec {Checkout.Faultrec} trace --summary --interval 100ms --pid {program.Pid}");
        var circumstances = InFolder with { Environment = new Dictionary<string, string?> { ["TERM"] = "xterm" } };
        using var tracer = Running.Start(
            circumstances, "sh", "-c",
            $"(until [ -e enough ]; do sleep 0.05; done; printf '\\003'; cat) | script -qec 'exec bash command.sh' /dev/null > {RawPath}");
        Running.Until(() => Raw().Contains(" 0 processes", StringComparison.Ordinal), "it is attached");
        program.WriteByte();
        program.ReadLine();
        Running.Until(() => Raw().Contains(" wait_then_touch ", StringComparison.Ordinal), "a block with the faults");
        Running.Until(() => Raw().TrimEnd().EndsWith(" 0 processes", StringComparison.Ordinal), "a block after that");
        File.WriteAllText(Folder["enough"], "");
        Running.Until(() => Raw().Contains("faultrec: ", StringComparison.Ordinal), "it ends");
        tracer.CloseInput();
        Assert.Equal(0, tracer.Wait().Status);

        var screen = Screen(Raw());
        Assert.Equal(5, screen.Count);
        Assert.StartsWith("total ", screen[0], StringComparison.Ordinal);
        Assert.Contains(" wait_then_touch ", screen[2], StringComparison.Ordinal);
        Assert.StartsWith("faultrec: ", screen[3], StringComparison.Ordinal);
        Assert.Empty(screen[4]);
    }

    [GeneratedRegex(@"total ([0-9.]+) s: ")]
    private static partial Regex TotalSeconds();

    [GeneratedRegex(@"([0-9.]+) % /")]
    private static partial Regex Share();

    /// <summary>What moves the cursor or erases: the number and the letter of such a sequence; or one without effect, or a control character.</summary>
    [GeneratedRegex(@"\e\[(\d*)([FJ])|\e\[[0-9;?]*[a-zA-Z]|\e=|\r|\n")]
    private static partial Regex Codes();

    private string Raw() => File.Exists(RawPath) ? File.ReadAllText(RawPath) : "";

    /// <summary>The lines of a terminal that was sent this.</summary>
    private static List<string> Screen(string sent)
    {
        List<string> lines = [""];
        var at = 0;
        var column = 0;
        var from = 0;
        foreach (Match code in Codes().Matches(sent))
        {
            Put(sent[from..code.Index]);
            from = code.Index + code.Length;
            switch (code.Value[^1])
            {
                case '\n':
                    at++;
                    if (at == lines.Count)
                        lines.Add("");
                    break;
                case '\r':
                    column = 0;
                    break;
                case 'F':
                    at = Math.Max(0, at - int.Parse(code.Groups[1].Value, CultureInfo.InvariantCulture));
                    column = 0;
                    break;
                case 'J':
                    lines.RemoveRange(at + 1, lines.Count - at - 1);
                    lines[at] = lines[at][..column];
                    break;
            }
        }

        Put(sent[from..]);
        return lines;

        void Put(string text)
        {
            var line = lines[at].PadRight(column);
            lines[at] = line[..column] + text + (line.Length > column + text.Length ? line[(column + text.Length)..] : "");
            column += text.Length;
        }
    }
}
