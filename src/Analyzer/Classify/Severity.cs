namespace Faultrec.Analyzer.Classify;

/// <summary>What a fault cost in the kernel's own accounting; the order is also that of every table.</summary>
public enum Severity : byte
{
    /// <summary>Served without waiting for a device.</summary>
    Minor = 0,

    /// <summary>The kernel accounted it as major: it waited for a device, or was retried (mm_account_fault).</summary>
    Major = 1,

    /// <summary>Not served: a signal was raised, or handle_mm_fault returned an error bit.</summary>
    Failed = 2,

    /// <summary>Minor or major: the trace does not say which.</summary>
    Unknown = 3,
}

/// <summary>Names of <see cref="Severity"/> as the command line and every format spell them.</summary>
internal static class SeverityNames
{
    public const int Count = 4;

    private static readonly string[] Names = ["minor", "major", "failed", "unknown"];

    public static string Name(this Severity severity) => Names[(int)severity];

    /// <summary>False when <paramref name="text"/> is none of <see cref="All"/>: unknown is the name of a kind.</summary>
    public static bool TryParse(string text, out Severity severity)
    {
        var index = Array.IndexOf(Names, text, 0, (int)Severity.Unknown);
        severity = (Severity)Math.Max(index, 0);
        return index >= 0;
    }

    public static string All => string.Join(", ", Names[..(int)Severity.Unknown]);
}
