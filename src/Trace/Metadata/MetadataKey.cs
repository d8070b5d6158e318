using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Faultrec.Traces.Columns;

namespace Faultrec.Traces.Metadata;

/// <summary>All that is to be known of one key of the file's metadata; its value is JSON.</summary>
/// <param name="self">Its name, without <see cref="TraceSchema.KeyPrefix"/>, and what becomes of it and its members when a trace is given away.</param>
internal abstract class MetadataKey(MetadataMember self)
{
    public MetadataMember Self { get; } = self;

    /// <summary>As the file has it.</summary>
    public string FullName { get; } = TraceSchema.KeyPrefix + self.Name;

    /// <summary>Its JSON, as docs/format.md has it.</summary>
    public required string Json { get; init; }

    /// <summary>What it says, as docs/format.md has it.</summary>
    public required string Description { get; init; }

    /// <summary>The first files of version 1 do not have it: it reads as its default then, and where it is JSON null.</summary>
    public bool IsOptional { get; init; }

    /// <returns>Its JSON; null: it is nothing of the metadata's.</returns>
    public abstract string? Write(TraceMetadata metadata);

    /// <summary>The metadata with what the file says of this key.</summary>
    /// <param name="values">Of the file, by <see cref="FullName"/>.</param>
    /// <exception cref="MetadataException">The key is missing or its value is not what it promises.</exception>
    public abstract TraceMetadata Read(IReadOnlyDictionary<string, byte[]> values, TraceMetadata metadata);

    protected T Parse<T>(IReadOnlyDictionary<string, byte[]> values, JsonTypeInfo<T> type)
    {
        if (!values.TryGetValue(FullName, out var json))
            throw Bad("is missing");
        T? value;
        try
        {
            value = JsonSerializer.Deserialize(json, type);
        }
        catch (Exception e) when (e is JsonException or FormatException or OverflowException or ArgumentException)
        {
            throw Bad("does not have the JSON shape of docs/format.md", e);
        }

        return value ?? throw Bad("is null");
    }

    protected MetadataException Bad(string problem, Exception? inner = null) => new(FullName, problem, inner);
}

/// <summary>A key that is one property of <see cref="TraceMetadata"/>.</summary>
/// <param name="with">The metadata with another value.</param>
internal sealed class MetadataKey<T>(
    MetadataMember self, JsonTypeInfo<T> type, Func<TraceMetadata, T?> get, Func<TraceMetadata, T, TraceMetadata> with)
    : MetadataKey(self)
{
    /// <summary>
    /// Fills in what the JSON does not mention: generated deserialisers drop the initialisers of init-only properties.
    /// </summary>
    public Func<T, T>? WithDefaults { get; init; }

    /// <summary>What is wrong with a value of the right JSON shape; null: nothing is.</summary>
    public Func<T, string?>? Problem { get; init; }

    /// <returns>The value, as the file has it.</returns>
    public T Read(IReadOnlyDictionary<string, byte[]> values)
    {
        var value = Parse(values, type);
        // Nullable annotations are checked for properties, not for the items of a list.
        if (value is IEnumerable<object?> items && items.Contains(null))
            throw Bad(MetadataRules.NullItem);
        if (WithDefaults is not null)
            value = WithDefaults(value);
        return Problem?.Invoke(value) is { } problem ? throw Bad(problem) : value;
    }

    public override string? Write(TraceMetadata metadata) => get(metadata) is { } value ? JsonSerializer.Serialize(value, type) : "null";

    public override TraceMetadata Read(IReadOnlyDictionary<string, byte[]> values, TraceMetadata metadata)
    {
        var isAbsent = !values.TryGetValue(FullName, out var json) || json.AsSpan().SequenceEqual("null"u8);
        return IsOptional && isAbsent ? metadata : with(metadata, Read(values));
    }
}

/// <summary>A metadata key that cannot be read; becomes a <see cref="FaultrecException"/> where the file's name is known.</summary>
internal sealed class MetadataException(string key, string problem, Exception? inner = null)
    : Exception($"metadata key {key} {problem}", inner);
