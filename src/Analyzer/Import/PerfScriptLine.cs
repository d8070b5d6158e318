using System.Globalization;
using System.Text.RegularExpressions;

namespace Faultrec.Analyzer.Import;

internal enum PerfLineKind
{
    Fault,

    /// <summary>A sample of another event, or a record of another kind.</summary>
    Other,

    /// <summary>Events lost by perf; <see cref="PerfScriptLine.Lost"/>.</summary>
    Lost,

    /// <summary>A fault whose address is not printed.</summary>
    WithoutAddress,

    /// <summary>A fault whose instruction is not printed.</summary>
    WithoutIp,

    /// <summary>A fault as `perf trace -F all` prints it: without the address if it is in a file.</summary>
    OfPerfTrace,

    Malformed,
}

/// <summary>
/// One line of `perf script` as tools/perf/builtin-script.c prints it (perf_sample__fprintf_start and process_event), whatever of its fields
/// were asked for: "comm pid/tid [cpu] misc seconds.fraction: period event: address symbol (file) ip symbol (file)"; or one of the kernel's
/// trace_pipe: "comm-tid (tgid) [cpu] flags seconds.fraction: event: fields".
/// </summary>
internal readonly partial struct PerfScriptLine
{
    /// <summary>perf prints addresses with "%16lx": that tells one from a symbol that looks like a number (add, dead).</summary>
    private const int AddressWidth = 16;

    public PerfLineKind Kind { get; private init; }

    public string Comm { get; private init; }

    /// <summary>Null: not printed.</summary>
    public int? Pid { get; private init; }

    public int Tid { get; private init; }

    /// <summary>Null: not printed.</summary>
    public int? Cpu { get; private init; }

    /// <summary>On perf's clock.</summary>
    public long TimeNs { get; private init; }

    public string Event { get; private init; }

    /// <summary>Null: the event does not say.</summary>
    public bool? Major { get; private init; }

    /// <summary>The event was asked for with :u.</summary>
    public bool UserOnly { get; private init; }

    /// <summary>Events that the sample stands for; null: not printed.</summary>
    public long? Period { get; private init; }

    public ulong Address { get; private init; }

    /// <summary>Null: not printed as a number.</summary>
    public ulong? Ip { get; private init; }

    /// <summary>Of a tracepoint: what its processor says of the access; null for other events.</summary>
    public long? ErrorCode { get; private init; }

    /// <summary>Kernel mode touched the memory.</summary>
    public bool IsOfKernel { get; private init; }

    public long Lost { get; private init; }

    public static PerfScriptLine Parse(string line)
    {
        if (LostRecord().Match(line) is { Success: true } lost)
        {
            return long.TryParse(lost.Groups["lost"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
                ? new PerfScriptLine { Kind = PerfLineKind.Lost, Lost = count }
                : Malformed;
        }

        if (line.Contains(": PERF_RECORD_", StringComparison.Ordinal))
            return new PerfScriptLine { Kind = PerfLineKind.Other };
        if (Sample().Match(line) is { Success: true } sample)
            return OfSample(sample);
        if (TracePipe().Match(line) is { Success: true } traced)
            return OfSample(traced);
        return PerfTrace().IsMatch(line) ? new PerfScriptLine { Kind = PerfLineKind.OfPerfTrace } : Malformed;
    }

    private static PerfScriptLine Malformed => new() { Kind = PerfLineKind.Malformed };

    private static PerfScriptLine OfSample(Match sample)
    {
        var name = sample.Groups["event"].Value;
        var kind = PerfEvents.KindOf(name);
        if (kind == PerfEventKind.Other)
            return new PerfScriptLine { Kind = PerfLineKind.Other };
        if (!TryNumbers(sample, out var line))
            return Malformed;
        var modifier = sample.Groups["modifier"].Value;
        line = line with
        {
            Kind = PerfLineKind.Fault,
            Event = name,
            Comm = sample.Groups["comm"].Value,
            Major = kind switch { PerfEventKind.Major => true, PerfEventKind.Minor => false, _ => null },
            UserOnly = modifier.Contains('u') && !modifier.Contains('k'),
        };
        return kind is PerfEventKind.UserTracepoint or PerfEventKind.KernelTracepoint
            ? line.WithTracepoint(sample.Groups["rest"].Value, kind == PerfEventKind.KernelTracepoint)
            : line.WithPlaces(sample.Groups["rest"].Value);
    }

    private static bool TryNumbers(Match sample, out PerfScriptLine line)
    {
        line = default;
        var fraction = sample.Groups["fraction"].Value;
        var isWhole = TryInteger(sample.Groups["tid"], out var tid) & TryInteger(sample.Groups["seconds"], out var seconds)
            & TryOptional(sample.Groups["pid"], out var pid) & TryOptional(sample.Groups["cpu"], out var cpu)
            & TryOptional(sample.Groups["period"], out var period);
        if (!isWhole)
            return false;
        // Microseconds, or nanoseconds with --ns.
        var ns = int.Parse(fraction, CultureInfo.InvariantCulture) * (fraction.Length == 6 ? 1000 : 1);
        line = new PerfScriptLine { Pid = pid, Tid = tid, Cpu = cpu, Period = period, TimeNs = (seconds * 1_000_000_000L) + ns };
        return true;
    }

    private static bool TryInteger(Group group, out int value) => int.TryParse(group.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out value);

    private static bool TryOptional(Group group, out int? value)
    {
        value = null;
        if (!group.Success)
            return true;
        var isNumber = TryInteger(group, out var number);
        value = number;
        return isNumber;
    }

    /// <param name="rest">What follows the event: the fields addr, sym, ip and dso, as far as they were asked for.</param>
    private PerfScriptLine WithPlaces(string rest)
    {
        if (rest.AsSpan().Trim().IsEmpty)
            return this with { Kind = PerfLineKind.WithoutAddress };
        if (Number().Match(rest) is not { Success: true } first || !TryHex(first.Groups["hex"], out var address))
            return Malformed;
        // One column further to the right: ip, which has a blank of its own before it.
        if (first.Length > AddressWidth + 1)
            return this with { Kind = PerfLineKind.WithoutAddress };
        if (IpBehind(rest, first.Index + first.Length) is { } ip)
            return this with { Address = address, Ip = ip, IsOfKernel = (long)ip < 0 };
        return first.Length == AddressWidth + 1 ? this with { Kind = PerfLineKind.WithoutIp, Address = address } : Malformed;
    }

    // After a symbol, which can hold anything, only the width identifies it.
    private static ulong? IpBehind(string rest, int start)
    {
        foreach (Match match in WideNumber().Matches(rest, start))
        {
            if (match.Groups["padded"].Length == AddressWidth && TryHex(match.Groups["hex"], out var ip))
                return ip;
        }

        return Number().Match(rest[start..]) is { Success: true } next && TryHex(next.Groups["hex"], out var plain) ? plain : null;
    }

    private PerfScriptLine WithTracepoint(string rest, bool isOfKernel)
    {
        if (Fields().Match(rest) is not { Success: true } fields || !TryHex(fields.Groups["address"], out var address)
            || !long.TryParse(fields.Groups["code"].ValueSpan, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code))
        {
            return Malformed;
        }
        // The kernel's own memory (vmalloc): not a fault of a program.
        if ((long)address < 0)
            return new PerfScriptLine { Kind = PerfLineKind.Other };
        ulong? ip = TryHex(fields.Groups["ip"], out var number) ? number : null;
        return this with { Address = address, Ip = ip, ErrorCode = code, IsOfKernel = isOfKernel };
    }

    private static bool TryHex(Group group, out ulong value)
        => ulong.TryParse(group.ValueSpan, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);

    private const string Time = @"(?<seconds>\d+)\.(?<fraction>\d{6}|\d{9}): ";

    // The name of a thread may hold spaces and look like other fields, and is at most 15 bytes (TASK_COMM_LEN). The padding before it is
    // never given back: a line may be a megabyte of blanks.
    [GeneratedRegex(@"^(?> *)(?:(?<comm>[^ ].{0,14}?) +|(?<= )(?<comm>))(?:(?<pid>\d+)/)?(?<tid>\d+) +(?:\[(?<cpu>\d+)\] +)?(?:[A-Za-z]{1,8} +)?" + Time
        + @" *(?:(?<period>\d+) +)?(?<event>[\w-]+(?:\.\w+)?(?::\w{4,})?)(?::(?<modifier>[a-zA-Z]*))?:(?<rest>(?: .*)?)$", RegexOptions.CultureInvariant)]
    private static partial Regex Sample();

    [GeneratedRegex(@"^ *(?<comm>.{1,15}?)-(?<tid>\d+) +(?:\( *(?:(?<pid>\d+)|-+)\) +)?\[(?<cpu>\d+)\] +(?:[\w.#-]{4,6} +)?" + Time
        + @"(?<event>\w+):(?<period>(?!))?(?<modifier>(?!))?(?<rest> .*)$", RegexOptions.CultureInvariant)]
    private static partial Regex TracePipe();

    [GeneratedRegex(@"^ *\d+\.\d+ \( *\d+\.\d+ ms\): .*/\d+ (?:min|maj)fault \[", RegexOptions.CultureInvariant)]
    private static partial Regex PerfTrace();

    // "page_fault_user: address=0x7f8173153b70 ip=0x7f8173153b70 error_code=0x14": include/trace/events/exceptions.h, earlier that of x86
    [GeneratedRegex(@"^ *(?:trace_fields: )?address=0x(?<address>[0-9a-f]+) ip=(?:0x(?<ip>[0-9a-f]+)|\S+) error_code=0x(?<code>[0-9a-f]+)$",
        RegexOptions.CultureInvariant)]
    private static partial Regex Fields();

    [GeneratedRegex(@"^ *(?<hex>[0-9a-f]+)(?= |$)", RegexOptions.CultureInvariant)]
    private static partial Regex Number();

    [GeneratedRegex(@"(?<! ) (?<padded> *(?<hex>[0-9a-f]{1,16}))(?= |$)", RegexOptions.CultureInvariant)]
    private static partial Regex WideNumber();

    [GeneratedRegex(@": PERF_RECORD_LOST(?:_SAMPLES)? lost (?<lost>\d+)$|^CPU:\d+ \[LOST (?<lost>\d+) EVENTS\]$", RegexOptions.CultureInvariant)]
    private static partial Regex LostRecord();
}
