using System.Globalization;
using System.Text.RegularExpressions;

namespace Faultrec.Analyzer;

internal enum PerfLineKind
{
    Fault,

    /// <summary>A sample of another event, or a record of another kind.</summary>
    Other,

    /// <summary>What perf lost; <see cref="PerfScriptLine.Lost"/>.</summary>
    Lost,

    /// <summary>A sample of page-faults, which does not say whether it was major.</summary>
    Unsorted,

    Malformed,
}

/// <summary>
/// One line of `perf script -F comm,pid,tid,cpu,time,event,addr,ip`, as tools/perf/builtin-script.c prints it (perf_sample__fprintf_start
/// and process_event): "comm pid/tid [cpu] seconds.fraction: event: address ip symbol".
/// </summary>
internal readonly partial struct PerfScriptLine
{
    public PerfLineKind Kind { get; private init; }

    public string Comm { get; private init; }

    public int Pid { get; private init; }

    public int Tid { get; private init; }

    public int Cpu { get; private init; }

    /// <summary>On perf's clock.</summary>
    public long TimeNs { get; private init; }

    public bool Major { get; private init; }

    /// <summary>The event was asked for with :u.</summary>
    public bool UserOnly { get; private init; }

    public ulong Address { get; private init; }

    public ulong Ip { get; private init; }

    public long Lost { get; private init; }

    public static PerfScriptLine Parse(string line)
    {
        if (LostRecord().Match(line) is { Success: true } lost)
            return long.TryParse(lost.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? new PerfScriptLine { Kind = PerfLineKind.Lost, Lost = count } : Malformed;
        if (line.Contains(": PERF_RECORD_", StringComparison.Ordinal))
            return new PerfScriptLine { Kind = PerfLineKind.Other };
        if (Sample().Match(line) is not { Success: true } sample)
            return Malformed;
        var (name, modifier) = (sample.Groups["event"].Value, sample.Groups["modifier"].Value);
        var major = name is "major-faults" or "page-faults-maj";
        if (!major && name is not ("minor-faults" or "page-faults-min"))
            return new PerfScriptLine { Kind = name is "page-faults" or "faults" ? PerfLineKind.Unsorted : PerfLineKind.Other };
        return TryNumbers(sample, out var numbers)
            ? numbers with { Kind = PerfLineKind.Fault, Comm = sample.Groups["comm"].Value, Major = major, UserOnly = modifier.Contains('u') && !modifier.Contains('k') }
            : Malformed;
    }

    private static PerfScriptLine Malformed => new() { Kind = PerfLineKind.Malformed };

    private static bool TryNumbers(Match sample, out PerfScriptLine line)
    {
        line = default;
        var fraction = sample.Groups["fraction"].Value;
        var isWhole = int.TryParse(sample.Groups["pid"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var pid)
            & int.TryParse(sample.Groups["tid"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var tid)
            & int.TryParse(sample.Groups["cpu"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var cpu)
            & int.TryParse(sample.Groups["seconds"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            & ulong.TryParse(sample.Groups["address"].ValueSpan, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var address)
            & ulong.TryParse(sample.Groups["ip"].ValueSpan, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var ip);
        if (!isWhole)
            return false;
        // Microseconds, or nanoseconds with --ns.
        var ns = int.Parse(fraction, CultureInfo.InvariantCulture) * (fraction.Length == 6 ? 1000 : 1);
        line = new PerfScriptLine { Pid = pid, Tid = tid, Cpu = cpu, TimeNs = (seconds * 1_000_000_000L) + ns, Address = address, Ip = ip };
        return true;
    }

    // The name of a thread may hold spaces, and is at most 15 bytes (TASK_COMM_LEN).
    [GeneratedRegex(@"^ *(?<comm>.{0,15}?) +(?<pid>\d+)/(?<tid>\d+) +\[(?<cpu>\d+)\] +(?<seconds>\d+)\.(?<fraction>\d{6}|\d{9}): +(?:\d+ +)?(?<event>[\w.-]+)(?::(?<modifier>\w*))?: +(?<address>[0-9a-f]+) +(?<ip>[0-9a-f]+)(?: .*)?$", RegexOptions.CultureInvariant)]
    private static partial Regex Sample();

    [GeneratedRegex(@": PERF_RECORD_LOST(?:_SAMPLES)? lost (\d+)$", RegexOptions.CultureInvariant)]
    private static partial Regex LostRecord();
}
