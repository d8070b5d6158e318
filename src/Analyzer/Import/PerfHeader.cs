using System.Globalization;
using System.Text.RegularExpressions;

namespace Faultrec.Analyzer.Import;

/// <summary>How perf took samples of an event.</summary>
/// <param name="IsFrequency">
/// It took <paramref name="Value"/> samples a second, each of as many events as had come; else one in <paramref name="Value"/> events.
/// </param>
internal readonly record struct PerfSampling(long Value, bool IsFrequency)
{
    public bool IsWhole => !IsFrequency && Value == 1;
}

/// <summary>What `perf script --header` says of the recording, as util/header.c of perf prints it: "# key : value".</summary>
internal sealed partial class PerfHeader
{
    private readonly Dictionary<string, PerfSampling> _events = [];

    public string? Host { get; private set; }

    public string? Kernel { get; private set; }

    public string? Arch { get; private set; }

    /// <summary>perf's own words; how it quoted arguments is lost.</summary>
    public string? Command { get; private set; }

    /// <summary>perf writes its machine's local time without a zone.</summary>
    public DateTimeOffset? CapturedOn { get; private set; }

    /// <summary>The events that were recorded, without their modifiers; empty: the header does not say.</summary>
    public IReadOnlyDictionary<string, PerfSampling> Events => _events;

    public void Read(string line)
    {
        var colon = line.IndexOf(" : ", StringComparison.Ordinal);
        if (colon < 0)
            return;
        var value = line[(colon + 3)..].Trim();
        switch (line[1..colon].Trim())
        {
            case "hostname": Host = value; break;
            case "os release": Kernel = value; break;
            case "arch": Arch = value; break;
            case "cmdline": Command = value; break;
            case "captured on": CapturedOn = ParseTime(value); break;
            case "event": ReadEvent(value); break;
        }
    }

    private void ReadEvent(string value)
    {
        if (Attributes().Match(value) is { Success: true } event_
            && long.TryParse(event_.Groups["value"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            _events[event_.Groups["name"].Value] = new PerfSampling(number, event_.Groups["frequency"].Success);
        }
    }

    // ctime(3): "Wed Nov  5 01:34:26 2026"
    private static DateTimeOffset? ParseTime(string text)
    {
        string[] formats = ["ddd MMM d HH:mm:ss yyyy", "ddd MMM dd HH:mm:ss yyyy"];
        const DateTimeStyles styles = DateTimeStyles.AssumeUniversal | DateTimeStyles.AllowInnerWhite;
        return DateTimeOffset.TryParseExact(text, formats, CultureInfo.InvariantCulture, styles, out var time) ? time : null;
    }

    // "name = minor-faults:u, , id = { 48551, 48552 }, type = 1, …, { sample_period, sample_freq } = 4000, …, freq = 1, …"; 0 and absent are the same.
    [GeneratedRegex(
        @"^name = (?<name>[\w-]+(?::\w{4,})?)(?::[a-zA-Z]*)?,.*\{ sample_period, sample_freq \} = (?<value>\d+)(?:,.*?, (?<frequency>freq = 1)(?:,|$))?",
        RegexOptions.CultureInvariant)]
    private static partial Regex Attributes();
}
