using Faultrec.Analyzer.Classify;
using Faultrec.Analyzer.Facts;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Residency;

/// <summary>What the account knows of regions.</summary>
internal sealed class AccountRegions(TraceMetadata metadata, RegionIndex index)
{
    private readonly MappingFacts[] _facts = MappingFacts.ById(index);
    private readonly bool[] _isCopiedByFork = new bool[index.IdLimit];

    /// <summary>Which region lay where.</summary>
    public RegionPlaces Places { get; } = new(metadata);

    /// <param name="id">Of an unknown region it is 0, and so may be an id that the trace does not have.</param>
    public ref readonly MappingFacts FactsOf(int id) => ref _facts[(uint)id < (uint)_facts.Length ? id : 0];

    /// <summary>It has a page of its own: vma_needs_copy, mm/memory.c. Of mappings that never had one, a fork copies nothing.</summary>
    public void MarkCopiedByFork(int id)
    {
        if ((uint)id < (uint)_isCopiedByFork.Length)
            _isCopiedByFork[id] = true;
    }

    public bool IsCopiedByFork(int id) => id == 0 || ((uint)id < (uint)_isCopiedByFork.Length && _isCopiedByFork[id]);
}
