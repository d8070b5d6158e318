using Faultrec.Traces.Columns;

namespace Faultrec.Traces.Ledger;

/// <summary>What a row says of the mapping that its fault was in.</summary>
internal static class MappingColumns
{
    /// <param name="space">Of the fault's process at its moment; null: nothing is known of it.</param>
    /// <returns>False: no known mapping covers the address.</returns>
    public static bool Set(FaultBatch batch, int row, AddressSpace? space, IRegionLedger ledger)
    {
        var address = (ulong)batch.Address[row];
        if (space?.Lookup(address) is not { } piece)
        {
            batch.Grew[row] = false;
            batch.RegionId[row] = 0;
            batch.Region[row] = "";
            batch.FilePage[row] = FaultBatch.Null;
            return false;
        }

        batch.Grew[row] = space.TakeGrowth(address);
        batch.RegionId[row] = ledger.IdOf(piece.Region);
        batch.Region[row] = piece.Region.Identity.Name;
        batch.FilePage[row] = piece.Region.Identity.Path is null ? FaultBatch.Null : space.Pages.PageOf(address - piece.Start + piece.FileOffset);
        return true;
    }
}
