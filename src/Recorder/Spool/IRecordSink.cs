using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Faultrec.Recorder.Spool;

/// <summary>Where captured records go: a spool file, or a live view.</summary>
internal interface IRecordSink
{
    /// <summary>Whether it takes what was resident before (<see cref="SpoolRecordType.Resident"/>), which costs a look at each page.</summary>
    bool TakesResident => false;

    /// <summary>One record; the payload is copied before this returns. <paramref name="rest"/> continues it.</summary>
    void Append(SpoolRecordType type, int cpu, ReadOnlySpan<byte> payload, ReadOnlySpan<byte> rest = default);

    /// <summary>Everything that was in the rings has been appended.</summary>
    /// <returns>Why the recording must end (<see cref="EndReason"/>), or null.</returns>
    string? EndPass(long nowNs);
}

internal static class RecordSinkExtensions
{
    public static void Append<T>(this IRecordSink sink, SpoolRecordType type, T value, JsonTypeInfo<T> json)
        => sink.Append(type, 0, JsonSerializer.SerializeToUtf8Bytes(value, json));
}
