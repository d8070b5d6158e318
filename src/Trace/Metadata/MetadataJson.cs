using System.Text;

namespace Faultrec.Traces.Metadata;

/// <summary>
/// <see cref="TraceMetadata"/> to and from the footer's key-value pairs: one key a property, the value JSON. Numbers are
/// numbers, addresses "0x…", times ISO 8601 UTC; what is null is left out.
/// </summary>
internal static class MetadataJson
{
    public static Dictionary<string, string> Write(TraceMetadata metadata)
    {
        var values = new Dictionary<string, string>();
        foreach (var key in MetadataKeys.All)
        {
            if (key.Write(metadata) is { } json)
                values[key.FullName] = json;
        }

        return values;
    }

    /// <exception cref="MetadataException">A key is missing or its value is not what the key promises.</exception>
    public static TraceMetadata Read(IReadOnlyDictionary<string, byte[]> values)
    {
        // What is required here the file's keys replace.
        var metadata = new TraceMetadata
        {
            ToolVersion = "",
            Target = "",
            Host = "",
            Kernel = "",
            Arch = "",
            Backend = Backend.Named(""),
            Receipt = new Receipt { Events = 0 },
        };
        foreach (var key in MetadataKeys.All)
            metadata = key.Read(values, metadata);
        return metadata;
    }

    /// <summary>As a reader of the trace would have it.</summary>
    /// <exception cref="MetadataException">It would be refused.</exception>
    public static TraceMetadata Checked(TraceMetadata metadata)
        => Read(Write(metadata).ToDictionary(pair => pair.Key, pair => Encoding.UTF8.GetBytes(pair.Value)));

    /// <returns>Null when the file does not say (no such key); never throws for a version that is only newer.</returns>
    public static int? ReadVersion(IReadOnlyDictionary<string, byte[]> values)
        => values.ContainsKey(MetadataKeys.SchemaVersion.FullName) ? MetadataKeys.SchemaVersion.Read(values) : null;
}
