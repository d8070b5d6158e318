using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Facts;

/// <summary>The ledger by region id.</summary>
internal sealed class RegionIndex
{
    private readonly Region?[] _byId;

    public RegionIndex(IReadOnlyList<Region> ledger)
    {
        // Recorders write dense ids; a file that claims an id of two thousand million must not allocate an array of that size.
        var limit = 1;
        var plausible = (ledger.Count * 4L) + 1024;
        foreach (var region in ledger)
        {
            if (region.Id > 0 && region.Id < plausible)
                limit = Math.Max(limit, region.Id + 1);
        }

        _byId = new Region?[limit];
        foreach (var region in ledger)
        {
            if (region.Id > 0 && region.Id < limit)
                _byId[region.Id] = region;
        }
    }

    /// <summary>One more than the largest id; at least 1.</summary>
    public int IdLimit => _byId.Length;

    /// <summary>Null for 0 and for ids that the ledger does not have.</summary>
    public Region? Find(int id) => (uint)id < (uint)_byId.Length ? _byId[id] : null;
}
