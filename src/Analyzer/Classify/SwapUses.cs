using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Classify;

/// <summary>What the kernel keeps in a swap entry.</summary>
internal enum SwapUse : byte
{
    Device,
    Migration,
    Marker,
    Other,
}

/// <summary>The meaning of the types of swap entries, as named in the trace.</summary>
internal sealed class SwapUses
{
    private readonly SwapUse[] _byType = new SwapUse[32];

    private SwapUses(IReadOnlyDictionary<string, string> types)
    {
        foreach (var (type, use) in types)
        {
            if (byte.TryParse(type, out var number) && number < _byType.Length)
                _byType[number] = use switch { "migration" => SwapUse.Migration, "marker" => SwapUse.Marker, _ => SwapUse.Other };
        }
    }

    public SwapUse this[PageTableEntry entry] => _byType[entry.SwapType];

    /// <summary>Null: the trace does not name them, so a type can be anything.</summary>
    public static SwapUses? Of(TraceMetadata metadata) => metadata.SwapTypes.Count == 0 ? null : new SwapUses(metadata.SwapTypes);
}
