using System.Globalization;

namespace Faultrec.Analyzer;

/// <summary>What `perf script --header` says of the recording, as util/header.c of perf prints it: "# key : value".</summary>
internal sealed class PerfHeader
{
    public string? Host { get; private set; }

    public string? Kernel { get; private set; }

    public string? Arch { get; private set; }

    /// <summary>perf's own words; how it quoted arguments is lost.</summary>
    public string? Command { get; private set; }

    /// <summary>perf writes its machine's local time without a zone.</summary>
    public DateTimeOffset? CapturedOn { get; private set; }

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
        }
    }

    // ctime(3): "Wed Nov  5 01:34:26 2026"
    private static DateTimeOffset? ParseTime(string text)
        => DateTimeOffset.TryParseExact(
            text, ["ddd MMM d HH:mm:ss yyyy", "ddd MMM dd HH:mm:ss yyyy"], CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AllowInnerWhite, out var time) ? time : null;
}
