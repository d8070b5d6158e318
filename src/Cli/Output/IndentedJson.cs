using System.Text.Json;

namespace Faultrec.Cli.Output;

/// <summary>One JSON object on stdout, for people too: a member a line.</summary>
internal static class IndentedJson
{
    /// <param name="members">Writes what stands between the braces.</param>
    public static void Write(Action<Utf8JsonWriter> members) => OutputTarget.Write(Destination.Stdout, [], stream =>
    {
        using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
        json.WriteStartObject();
        members(json);
        json.WriteEndObject();
    });
}
