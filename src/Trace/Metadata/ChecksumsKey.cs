using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Faultrec.Traces.Metadata;

/// <summary>
/// CRC-32C of each column chunk, a string a row group, 8 hex digits a column in file order. Only the file's writer and reader know
/// them: they are no part of <see cref="TraceMetadata"/>, and a file that is written anew has its own.
/// </summary>
internal sealed class ChecksumsKey() : MetadataKey(new("checksums", RedactionRule.Keep))
{
    private static JsonTypeInfo<IReadOnlyList<string>> Type => MetadataContext.Default.IReadOnlyListString;

    public override string? Write(TraceMetadata metadata) => null;

    public override TraceMetadata Read(IReadOnlyDictionary<string, byte[]> values, TraceMetadata metadata) => metadata;

    public static string Write(IReadOnlyList<uint[]> checksums)
    {
        var groups = new List<string>(checksums.Count);
        var text = new StringBuilder();
        foreach (var columns in checksums)
        {
            text.Clear();
            foreach (var checksum in columns)
                text.Append(CultureInfo.InvariantCulture, $"{checksum:x8}");
            groups.Add(text.ToString());
        }

        return JsonSerializer.Serialize(groups, Type);
    }

    /// <returns>A row group's checksums by column; null when the file has none (another program wrote it).</returns>
    public IReadOnlyList<uint[]>? Read(IReadOnlyDictionary<string, byte[]> values)
    {
        if (!values.ContainsKey(FullName))
            return null;
        var groups = new List<uint[]>();
        foreach (var text in Parse(values, Type))
        {
            var columns = new uint[text.Length / 8];
            for (var i = 0; i < columns.Length; i++)
            {
                if (!uint.TryParse(text.AsSpan(i * 8, 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out columns[i]))
                    throw Bad("is not hexadecimal");
            }

            groups.Add(columns);
        }

        return groups;
    }
}
