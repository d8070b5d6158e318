using System.Text.Json;

namespace Faultrec.Analyzer.Text;

internal static class JsonWriting
{
    private const int Enough = 1 << 16;

    /// <summary>Called after each item, this bounds the memory of a writer, which keeps everything until it is flushed.</summary>
    public static void FlushWhenFull(this Utf8JsonWriter json)
    {
        if (json.BytesPending >= Enough)
            json.Flush();
    }

    public static void WriteNullable(this Utf8JsonWriter json, string key, long? value)
    {
        if (value is { } number)
            json.WriteNumber(key, number);
        else
            json.WriteNull(key);
    }

    public static void WriteNullable(this Utf8JsonWriter json, string key, double? value)
    {
        if (value is { } number)
            json.WriteNumber(key, number);
        else
            json.WriteNull(key);
    }

    /// <param name="members">Writes those of the object.</param>
    public static void WriteNullable<T>(this Utf8JsonWriter json, string key, T? value, Action<T> members)
        where T : class
    {
        if (value is null)
        {
            json.WriteNull(key);
            return;
        }

        json.WriteStartObject(key);
        members(value);
        json.WriteEndObject();
    }

    /// <param name="key">Null: an element of an array.</param>
    public static void WriteNumbers(this Utf8JsonWriter json, string? key, IReadOnlyList<long> numbers)
    {
        if (key is null)
            json.WriteStartArray();
        else
            json.WriteStartArray(key);
        foreach (var number in numbers)
            json.WriteNumberValue(number);
        json.WriteEndArray();
    }

    public static void WriteStrings(this Utf8JsonWriter json, string key, IEnumerable<string> texts)
    {
        json.WriteStartArray(key);
        foreach (var text in texts)
            json.WriteStringValue(text);
        json.WriteEndArray();
    }
}
