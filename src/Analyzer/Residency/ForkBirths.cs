using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Residency;

/// <summary>Pages with which a child of fork begins: those of its parent's mappings that the kernel copies.</summary>
internal sealed class ForkBirths(PageBooks books, AccountRegions regions)
{
    public void Add(CopyEvent copy)
    {
        if (books.FindProcess(copy.ParentPid) is not { } parent)
            return;
        var visitor = new Copied(books, regions, books.ProcessOf(copy.Pid), copy);
        parent.States.Visit(0, ReleaseTable.Everything, ref visitor);
    }

    private readonly struct Copied(PageBooks books, AccountRegions regions, ProcessPages child, CopyEvent copy) : IPageVisitor
    {
        // Owners of the child by those of the parent: pages of one come in runs.
        private readonly Dictionary<PageOwner, PageOwner?> _owners = [];

        public void See(long page, ref int state)
        {
            if (!PageState.IsResident(state))
                return;
            var parent = books.OwnerIn(state);
            if (!_owners.TryGetValue(parent, out var owner))
                _owners.Add(parent, owner = OwnerOf(parent.Key, page));
            if (owner is null)
                return;
            ref var place = ref child.States[page];
            if (!PageState.IsResident(place))
                books.Enter(ref place, owner);
        }

        private PageOwner? OwnerOf(OwnerKey parent, long page)
        {
            if (!regions.IsCopiedByFork(parent.RegionId))
                return null;
            var region = regions.Places.At(copy.Pid, page, copy.TimeNs);
            if (region != 0)
                regions.MarkCopiedByFork(region);
            return books.OwnerOf(new OwnerKey(copy.Pid, region, parent.Stack, parent.MapperStack, BirthCause.Fork));
        }
    }
}
