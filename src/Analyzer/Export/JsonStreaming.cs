using System.Text.Json;

namespace Faultrec.Analyzer.Export;

internal static class JsonStreaming
{
    private const int Enough = 1 << 16;

    /// <summary>A writer keeps all until it is flushed: called after each item, this bounds what it keeps.</summary>
    public static void FlushWhenFull(this Utf8JsonWriter json)
    {
        if (json.BytesPending >= Enough)
            json.Flush();
    }
}
