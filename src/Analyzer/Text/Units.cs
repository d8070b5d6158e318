using System.Globalization;

namespace Faultrec.Analyzer.Text;

/// <summary>Numbers as people read them, each at most ten characters wide so that tables keep their width.</summary>
internal static class Units
{
    private static readonly CultureInfo Culture = CultureInfo.InvariantCulture;

    /// <summary>With thousands separators; from a hundred million on with three digits after M, G or T.</summary>
    public static string Count(long value)
        => value < 100_000_000 ? value.ToString("N0", Culture)
            : value < 1_000_000_000 ? string.Create(Culture, $"{value / 1e6:0.000} M")
            : value < 1_000_000_000_000 ? string.Create(Culture, $"{value / 1e9:0.000} G")
            : string.Create(Culture, $"{value / 1e12:0.000} T");

    /// <summary>"1 fault", "2 faults".</summary>
    public static string Of(long count, string one, string? many = null)
        => $"{Count(count)} {(count == 1 ? one : many ?? one + "s")}";

    /// <summary>An address: "0x7f12a0001000".</summary>
    public static string Hex(ulong address) => string.Create(Culture, $"0x{address:x}");

    /// <summary>Binary units: "4.0 KiB".</summary>
    public static string Bytes(long bytes)
    {
        if (bytes < 1024)
            return string.Create(Culture, $"{bytes} B");
        var (value, unit) = (bytes / 1024.0, 0);
        while (value >= 1023.95 && unit < 5)
            (value, unit) = (value / 1024, unit + 1);
        return string.Create(Culture, $"{value:0.0} {"KMGTPE"[unit]}iB");
    }

    /// <summary>Three significant digits: "850 ns", "1.25 µs", "34.1 ms", "1.50 s", "3 m 20 s", "2 h 05 m".</summary>
    public static string Duration(long ns)
    {
        if (ns < 1000)
            return string.Create(Culture, $"{ns} ns");
        if (ns < 999_500)
            return Significant(ns / 1e3, "µs");
        if (ns < 999_500_000)
            return Significant(ns / 1e6, "ms");
        if (ns < 59_950_000_000)
            return Significant(ns / 1e9, "s");
        var seconds = (long)Math.Round(ns / 1e9);
        return seconds < 3600
            ? string.Create(Culture, $"{seconds / 60} m {seconds % 60:00} s")
            : string.Create(Culture, $"{seconds / 3600} h {seconds / 60 % 60:00} m");
    }

    /// <summary>A share of one: "93 %", "0.4 %"; 0 and 100 only if exact.</summary>
    public static string Percent(double share)
    {
        var percent = share * 100;
        return percent switch
        {
            0 => "0 %",
            < 0.1 => "<0.1 %",
            < 9.95 => string.Create(Culture, $"{percent:0.0} %"),
            > 99 and < 100 => string.Create(Culture, $"{Math.Floor(percent * 10) / 10:0.0} %"),
            _ => string.Create(Culture, $"{percent:0} %"),
        };
    }

    /// <summary>A difference as a share of one: "+12 %", "-0.4 %"; a growth to ten times and more as "×25".</summary>
    public static string Change(double share)
        => share >= 9 ? string.Create(Culture, $"×{Count((long)Math.Round(share + 1))}")
            : share == 0 ? Percent(0)
            : (share < 0 ? "-" : "+") + Percent(Math.Abs(share));

    /// <summary>Two decimals; 0.00 only if exact.</summary>
    public static string Ratio(double value)
        => value is > 0 and < 0.005 ? "<0.01" : value < 999.995 ? value.ToString("0.00", Culture) : Count((long)Math.Round(value));

    private static string Significant(double value, string unit)
        => value < 9.995 ? string.Create(Culture, $"{value:0.00} {unit}")
            : value < 99.95 ? string.Create(Culture, $"{value:0.0} {unit}")
            : string.Create(Culture, $"{value:0} {unit}");
}
