using System.Globalization;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

/// <summary>What was recorded, when and where, in words.</summary>
internal static class RecordingText
{
    /// <summary>The command as it was typed, or the processes that were recorded.</summary>
    public static string Target(TraceMetadata metadata)
        => metadata.Command.Count > 0 ? string.Join(' ', metadata.Command) : metadata.Target;

    /// <summary>One sentence on what was recorded, where and with what.</summary>
    public static string Provenance(TraceMetadata metadata)
        => $"recorded {Timestamp(metadata.StartedAt)} on {metadata.Host}, Linux {metadata.Kernel} {metadata.Arch}, "
            + $"backend {metadata.Backend}, for {Units.Duration(metadata.DurationNs)}";

    public static string Timestamp(DateTimeOffset time)
        => time.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
}
