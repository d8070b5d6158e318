using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Faultrec.Traces.Metadata;

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    Converters = [typeof(UtcConverter), typeof(TextConverter)])]
[JsonSerializable(typeof(int))]
[JsonSerializable(typeof(long))]
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(Backend))]
[JsonSerializable(typeof(DateTimeOffset))]
[JsonSerializable(typeof(bool))]
[JsonSerializable(typeof(Receipt))]
[JsonSerializable(typeof(Sampling))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
[JsonSerializable(typeof(IReadOnlyList<LadderStep>))]
[JsonSerializable(typeof(IReadOnlyList<HandlerProbe>))]
[JsonSerializable(typeof(PageTableRecording))]
[JsonSerializable(typeof(SlabRecording))]
[JsonSerializable(typeof(StackRecording))]
[JsonSerializable(typeof(StackTable))]
[JsonSerializable(typeof(IReadOnlyList<Mark>))]
[JsonSerializable(typeof(IReadOnlyList<MemoryAdvice>))]
[JsonSerializable(typeof(IReadOnlyList<FolioSize>))]
[JsonSerializable(typeof(IReadOnlyList<NumaRange>))]
[JsonSerializable(typeof(IReadOnlyList<NumaCpus>))]
[JsonSerializable(typeof(IReadOnlyList<SwapArea>))]
[JsonSerializable(typeof(MemoryPressure))]
[JsonSerializable(typeof(IReadOnlyList<TlbFlushes>))]
[JsonSerializable(typeof(IReadOnlyList<CallFaults>))]
[JsonSerializable(typeof(IReadOnlyList<ProcessMemory>))]
[JsonSerializable(typeof(ReleaseTable))]
[JsonSerializable(typeof(ResidentRuns))]
[JsonSerializable(typeof(IReadOnlyList<CauseProbe>))]
[JsonSerializable(typeof(IReadOnlyList<LockWait>))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, string>))]
[JsonSerializable(typeof(IReadOnlyList<Region>))]
[JsonSerializable(typeof(IReadOnlyList<ProcessEntry>))]
[JsonSerializable(typeof(IReadOnlyList<ThreadEntry>))]
[JsonSerializable(typeof(IReadOnlyDictionary<string, long>))]
internal sealed partial class MetadataContext : JsonSerializerContext;

/// <summary>Writes an address in JSON as "0x7f12…", because many readers lose bits of numbers beyond 2^53.</summary>
public sealed class HexAddressConverter : JsonConverter<ulong>
{
    /// <inheritdoc/>
    public override ulong Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var text = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        if (text is null || !text.StartsWith("0x", StringComparison.Ordinal)
            || !ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var address))
        {
            throw new JsonException("expected an address like \"0x7f0000001000\"");
        }

        return address;
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, ulong value, JsonSerializerOptions options)
        => writer.WriteStringValue($"0x{value:x}");
}

/// <summary>ISO 8601 UTC with 100 ns: "2025-03-01T12:00:00.1234567Z".</summary>
internal sealed class UtcConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => reader.GetDateTimeOffset().ToUniversalTime();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options)
        => writer.WriteStringValue(value.UtcDateTime.ToString("O", CultureInfo.InvariantCulture));
}

/// <summary>Text of metadata. No name that a kernel knows has a million characters.</summary>
internal sealed class TextConverter : JsonConverter<string>
{
    public const int MostCharacters = 1 << 20;

    public override string Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        => reader.TokenType == JsonTokenType.String ? Checked(reader.GetString()!) : throw new JsonException("expected text");

    public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Checked(reader.GetString()!);

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

    public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WritePropertyName(value);

    private static string Checked(string text)
        => text.Length <= MostCharacters ? text : throw new JsonException($"a text has more than {MostCharacters} characters");
}
