using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Faultrec.Traces.Columns;

namespace Faultrec.Traces.Metadata;

/// <summary>
/// <see cref="TraceMetadata"/> to and from the footer's key-value pairs: one key a property, the value JSON. Numbers are
/// numbers, addresses "0x…", times ISO 8601 UTC; what is null is left out.
/// </summary>
internal static class MetadataJson
{
    /// <summary>
    /// Written by the writer itself: CRC-32C of each column chunk, a string a row group, 8 hex digits a column in file order.
    /// </summary>
    public const string ChecksumsKey = TraceSchema.KeyPrefix + "checksums";

    public const string VersionKey = TraceSchema.KeyPrefix + "schema_version";

    private static MetadataContext Json => MetadataContext.Default;

    public static Dictionary<string, string> Write(TraceMetadata metadata)
    {
        var values = new Dictionary<string, string>();
        Put("schema_version", metadata.SchemaVersion, Json.Int32);
        Put("tool_version", metadata.ToolVersion, Json.String);
        Put("command", metadata.Command, Json.IReadOnlyListString);
        Put("target", metadata.Target, Json.String);
        Put("host", metadata.Host, Json.String);
        Put("kernel", metadata.Kernel, Json.String);
        Put("arch", metadata.Arch, Json.String);
        Put("page_size", metadata.PageSize, Json.Int32);
        Put("clock", metadata.Clock, Json.String);
        Put("clock_start_ns", metadata.ClockStartNs, Json.Int64);
        Put("started_at", metadata.StartedAt, Json.DateTimeOffset);
        Put("duration_ns", metadata.DurationNs, Json.Int64);
        Put("backend", metadata.Backend, Json.Backend);
        Put("ladder", metadata.Ladder, Json.IReadOnlyListLadderStep);
        Put("fault_flag_names", metadata.FaultFlagNames, Json.IReadOnlyDictionaryStringInt64);
        Put("fault_result_names", metadata.FaultResultNames, Json.IReadOnlyDictionaryStringInt64);
        Put("regions", metadata.Regions, Json.IReadOnlyListRegion);
        Put("processes", metadata.Processes, Json.IReadOnlyListProcessEntry);
        Put("threads", metadata.Threads, Json.IReadOnlyListThreadEntry);
        Put("receipt", metadata.Receipt, Json.Receipt);
        Put("sampling", metadata.Sampling, Json.Sampling);
        Put("exclude_kernel", metadata.ExcludeKernel, Json.Boolean);
        Put("handlers", metadata.Handlers, Json.IReadOnlyListHandlerProbe);
        Put("frames", metadata.Frames, Json.FrameRecording);
        Put("thp_mode", metadata.ThpMode, Json.String);
        Put("swap_types", metadata.SwapTypes, Json.IReadOnlyDictionaryStringString);
        Put("advice", metadata.Advice, Json.IReadOnlyListMemoryAdvice);
        Put("numa_nodes", metadata.NumaNodes, Json.IReadOnlyListNumaRange);
        Put("tlb_flushes", metadata.TlbFlushes, Json.IReadOnlyListTlbFlushes);
        Put("tlb_refusal", metadata.TlbRefusal, Json.String);
        Put("causes", metadata.Causes, Json.IReadOnlyListCauseProbe);
        Put("lock_waits", metadata.LockWaits, Json.IReadOnlyListLockWait);
        Put("slab", metadata.Slab, Json.SlabRecording);
        Put("stack_recording", metadata.StackRecording, Json.StackRecording);
        Put("stacks", metadata.Stacks, Json.StackTable);
        Put("call_faults", metadata.CallFaults, Json.IReadOnlyListCallFaults);
        return values;

        void Put<T>(string key, T? value, JsonTypeInfo<T> type)
            => values[TraceSchema.KeyPrefix + key] = value is null ? "null" : JsonSerializer.Serialize(value, type);
    }

    /// <exception cref="MetadataException">A key is missing or its value is not what the key promises.</exception>
    public static TraceMetadata Read(IReadOnlyDictionary<string, byte[]> values)
    {
        return MetadataRules.Checked(new TraceMetadata
        {
            SchemaVersion = Get("schema_version", Json.Int32),
            ToolVersion = Get("tool_version", Json.String),
            Command = GetList("command", Json.IReadOnlyListString),
            Target = Get("target", Json.String),
            Host = Get("host", Json.String),
            Kernel = Get("kernel", Json.String),
            Arch = Get("arch", Json.String),
            PageSize = Get("page_size", Json.Int32),
            Clock = Get("clock", Json.String),
            ClockStartNs = Get("clock_start_ns", Json.Int64),
            StartedAt = Get("started_at", Json.DateTimeOffset),
            DurationNs = Get("duration_ns", Json.Int64),
            Backend = Get("backend", Json.Backend),
            Ladder = GetList("ladder", Json.IReadOnlyListLadderStep),
            FaultFlagNames = Get("fault_flag_names", Json.IReadOnlyDictionaryStringInt64),
            FaultResultNames = Get("fault_result_names", Json.IReadOnlyDictionaryStringInt64),
            Regions = [.. GetList("regions", Json.IReadOnlyListRegion).Select(WithDefaults)],
            Processes = GetList("processes", Json.IReadOnlyListProcessEntry),
            Threads = GetList("threads", Json.IReadOnlyListThreadEntry),
            Receipt = WithDefaults(Get("receipt", Json.Receipt)),
            Sampling = Has("sampling") ? WithDefaults(Get("sampling", Json.Sampling)) : null,
            ExcludeKernel = Has("exclude_kernel") && Get("exclude_kernel", Json.Boolean),
            Handlers = GetOptionalList("handlers", Json.IReadOnlyListHandlerProbe),
            Frames = Has("frames") ? Get("frames", Json.FrameRecording) : null,
            ThpMode = Has("thp_mode") ? Get("thp_mode", Json.String) : null,
            SwapTypes = Has("swap_types") ? Get("swap_types", Json.IReadOnlyDictionaryStringString) : new Dictionary<string, string>(),
            Advice = GetOptionalList("advice", Json.IReadOnlyListMemoryAdvice),
            NumaNodes = GetOptionalList("numa_nodes", Json.IReadOnlyListNumaRange),
            TlbFlushes = GetOptionalList("tlb_flushes", Json.IReadOnlyListTlbFlushes),
            TlbRefusal = Has("tlb_refusal") ? Get("tlb_refusal", Json.String) : null,
            Causes = GetOptionalList("causes", Json.IReadOnlyListCauseProbe),
            LockWaits = GetOptionalList("lock_waits", Json.IReadOnlyListLockWait),
            Slab = Has("slab") ? WithDefaults(Get("slab", Json.SlabRecording)) : null,
            StackRecording = Has("stack_recording") ? WithDefaults(Get("stack_recording", Json.StackRecording)) : null,
            Stacks = Has("stacks") ? Checked(Get("stacks", Json.StackTable)) : null,
            CallFaults = GetOptionalList("call_faults", Json.IReadOnlyListCallFaults),
        });

        // Keys that the first files of this version do not have; JSON null is as good as none.
        bool Has(string key) => values.TryGetValue(TraceSchema.KeyPrefix + key, out byte[]? json) && !json.AsSpan().SequenceEqual("null"u8);

        T Get<T>(string key, JsonTypeInfo<T> type) => Parse(values, TraceSchema.KeyPrefix + key, type);

        IReadOnlyList<T> GetList<T>(string key, JsonTypeInfo<IReadOnlyList<T>> type)
            => NoNulls(TraceSchema.KeyPrefix + key, Get(key, type));

        IReadOnlyList<T> GetOptionalList<T>(string key, JsonTypeInfo<IReadOnlyList<T>> type) => Has(key) ? GetList(key, type) : [];
    }

    /// <summary>As a reader of the trace would have it.</summary>
    /// <exception cref="MetadataException">It would be refused.</exception>
    public static TraceMetadata Checked(TraceMetadata metadata)
        => Read(Write(metadata).ToDictionary(pair => pair.Key, pair => Encoding.UTF8.GetBytes(pair.Value)));

    /// <returns>Null when the file does not say (no such key); never throws for a version that is only newer.</returns>
    public static int? ReadVersion(IReadOnlyDictionary<string, byte[]> values)
        => values.ContainsKey(VersionKey) ? Parse(values, VersionKey, Json.Int32) : null;

    public static string WriteChecksums(IReadOnlyList<uint[]> checksums)
    {
        var groups = new List<string>(checksums.Count);
        var text = new StringBuilder();
        foreach (uint[] columns in checksums)
        {
            text.Clear();
            foreach (uint checksum in columns)
                text.Append(CultureInfo.InvariantCulture, $"{checksum:x8}");
            groups.Add(text.ToString());
        }
        return JsonSerializer.Serialize(groups, Json.IReadOnlyListString);
    }

    /// <returns>A row group's checksums by column; null when the file has none (another program wrote it).</returns>
    public static IReadOnlyList<uint[]>? ReadChecksums(IReadOnlyDictionary<string, byte[]> values)
    {
        if (!values.ContainsKey(ChecksumsKey))
            return null;
        var groups = new List<uint[]>();
        foreach (string text in Parse(values, ChecksumsKey, Json.IReadOnlyListString))
        {
            var columns = new uint[text.Length / 8];
            for (int i = 0; i < columns.Length; i++)
            {
                if (!uint.TryParse(text.AsSpan(i * 8, 8), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out columns[i]))
                    throw new MetadataException(ChecksumsKey, "is not hexadecimal");
            }
            groups.Add(columns);
        }
        return groups;
    }

    // Generated deserialisers drop the initialisers of init-only properties that the JSON does not mention.
    private static Region WithDefaults(Region region) => region with { Lives = Math.Max(region.Lives, 1) };

    private static Sampling WithDefaults(Sampling sampling) => sampling with { Every = Math.Max(sampling.Every, 1) };

    private static SlabRecording WithDefaults(SlabRecording slab)
    {
        const string key = TraceSchema.KeyPrefix + "slab";
        return new SlabRecording(NoNulls(key, slab.Stages ?? []), NoNulls(key, slab.Caches ?? []), NoNulls(key, slab.BuddyAllocations ?? []));
    }

    private static StackRecording WithDefaults(StackRecording stacks)
        => stacks with { Warnings = NoNulls(TraceSchema.KeyPrefix + "stack_recording", stacks.Warnings ?? []) };

    /// <summary>So that whoever follows a stack needs no bounds: every index is in range and every way ends.</summary>
    private static StackTable Checked(StackTable stacks)
    {
        const string key = TraceSchema.KeyPrefix + "stacks";
        var table = new StackTable(
            NoNulls(key, stacks.Modules ?? []), NoNulls(key, stacks.Frames ?? []), stacks.Parents ?? [], stacks.NodeFrames ?? []);
        bool holds = table.Parents.Count == table.NodeFrames.Count
            && table.Frames.All(frame => frame.Module is not { } module || (uint)module < (uint)table.Modules.Count)
            && table.NodeFrames.All(frame => (uint)frame < (uint)table.Frames.Count)
            && !table.Parents.Where((parent, node) => parent < -1 || parent >= node).Any();
        return holds ? table : throw new MetadataException(key, "has an index that leads nowhere");
    }

    private static Receipt WithDefaults(Receipt receipt)
    {
        const string key = TraceSchema.KeyPrefix + "receipt";
        return receipt with
        {
            LostByCpu = NoNulls(key, receipt.LostByCpu ?? []),
            LostBySecond = NoNulls(key, receipt.LostBySecond ?? []),
            EndReason = receipt.EndReason ?? new Receipt { Events = 0 }.EndReason,
        };
    }

    // Nullable annotations are checked for properties, not for the items of a list.
    private static IReadOnlyList<T> NoNulls<T>(string key, IReadOnlyList<T> items)
        => items.Any(item => item is null) ? throw new MetadataException(key, "has a null among its items") : items;

    private static T Parse<T>(IReadOnlyDictionary<string, byte[]> values, string key, JsonTypeInfo<T> type)
    {
        if (!values.TryGetValue(key, out byte[]? json))
            throw new MetadataException(key, "is missing");
        try
        {
            return JsonSerializer.Deserialize(json, type) ?? throw new MetadataException(key, "is null");
        }
        catch (Exception e) when (e is JsonException or FormatException or OverflowException or ArgumentException)
        {
            throw new MetadataException(key, "does not have the JSON shape of docs/format.md", e);
        }
    }
}

/// <summary>A metadata key that cannot be read; becomes a <see cref="FaultrecException"/> where the file's name is known.</summary>
internal sealed class MetadataException(string key, string problem, Exception? inner = null)
    : Exception($"metadata key {key} {problem}", inner);
