using CsCheck;
using Faultrec.Traces.Ledger;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Recorder.Tests.Finalize;

/// <summary>Random histories against a model that knows nothing of intervals: one dictionary entry a page.</summary>
public sealed class AddressSpaceModelTests
{
    private const ulong Page = 4096;
    private const int Pages = 48;

    private static readonly MappingIdentity[] Identities =
    [
        new("rw-p", "[anon]", null, 0, null),
        new("r--p", "[anon]", null, 0, null),
        new("r--p", "/a.so", "/a.so", 1, "08:01"),
        new("r--p", "/b.so", "/b.so", 2, "08:01"),
    ];

    private static readonly Gen<Step> AnyStep = Gen.Select(
        Gen.Frequency((5, Gen.Const(Verb.Map)), (3, Gen.Const(Verb.Unmap)), (2, Gen.Const(Verb.Remap))),
        Gen.Int[0, Pages - 1], Gen.Int[1, 12], Gen.Int[0, Pages - 1], Gen.Int[0, Identities.Length - 1], Gen.Int[0, 3],
        (verb, start, length, other, identity, filePage) => new Step(verb, start, length, other, identity, filePage));

    private enum Verb
    {
        Map,
        Unmap,
        Remap,
    }

    [Fact]
    public void EveryPageIsWhatTheModelSays()
        => AnyStep.List[1, 60].Sample(steps => Replay(steps), seed: "0000KZ1bnNV3", iter: 400, threads: 1);

    private static void Replay(List<Step> steps)
    {
        var regions = new List<RegionEntry>();
        var space = new AddressSpace(1, PageGeometry.X64, regions.Add);
        var model = new PageModel();
        for (var i = 0; i < steps.Count; i++)
        {
            model.Apply(steps[i]);
            Apply(space, steps[i], i + 1);
            Compare(space, regions, model, i + 1);
        }
    }

    private static void Apply(AddressSpace space, Step step, long timeNs)
    {
        var (start, end) = ((ulong)step.Start * Page, (ulong)(step.Start + step.Length) * Page);
        switch (step.Verb)
        {
            case Verb.Map:
                space.Map(start, end, step.FileOffset, Identities[step.Identity], 0, timeNs);
                break;
            case Verb.Unmap:
                space.Unmap(start, end, timeNs);
                break;
            case Verb.Remap when !step.Overlaps:
                space.Remap(start, end - start, (ulong)step.Other * Page, end - start, false, timeNs);
                break;
        }
    }

    private static void Compare(AddressSpace space, List<RegionEntry> regions, PageModel model, long timeNs)
    {
        for (var page = 0; page < Pages + 12; page++)
        {
            var address = (ulong)page * Page;
            var expected = model.At(page);
            Piece? mapped = null;
            foreach (var piece in space.Pieces)
                mapped = piece.Contains(address) ? piece : mapped;
            if (mapped?.Region.Identity != expected?.Identity)
                Assert.Fail($"page {page} is {mapped?.Region.Identity}, expected {expected?.Identity}");
            if (mapped is not { } found)
                continue;
            Assert.Same(regions[expected!.Region], found.Region);
            Assert.True(found == space.Lookup(address + 123));
            Assert.True(found.Region.Identity.Path is null || found.FileOffset + address - found.Start == expected.FileOffset);
        }

        for (var i = 1; i < space.Pieces.Count; i++)
            Assert.True(space.Pieces[i - 1].End <= space.Pieces[i].Start);
        Assert.All(space.Pieces, piece => Assert.True(piece.Start < piece.End));
        foreach (var region in regions)
        {
            var pieces = space.Pieces.Where(piece => ReferenceEquals(piece.Region, region)).ToList();
            Assert.Equal(pieces.Count, region.LivePieces);
            Assert.Equal(pieces.Count == 0, region.DiedNs is not null);
            Assert.True(region.DiedNs is null || region.DiedNs <= timeNs);
            Assert.All(pieces, piece => Assert.True(piece.Start >= region.Start && piece.End <= region.End));
        }
    }

    private sealed record Step(Verb Verb, int Start, int Length, int Other, int Identity, int FilePage)
    {
        public ulong FileOffset => (ulong)FilePage * Page;

        /// <summary>mremap(2) refuses it: EINVAL.</summary>
        public bool Overlaps => Math.Abs(Start - Other) < Length;
    }

    private sealed record PageOwner(int Region, MappingIdentity Identity, ulong FileOffset);

    private sealed class PageModel
    {
        private readonly Dictionary<int, PageOwner> _pages = [];
        private int _regions;

        public PageOwner? At(int page) => _pages.GetValueOrDefault(page);

        public void Apply(Step step)
        {
            switch (step.Verb)
            {
                case Verb.Map:
                    Map(step.Start, step.Length, Identities[step.Identity], step.FileOffset);
                    break;
                case Verb.Unmap:
                    Unmap(step.Start, step.Length);
                    break;
                case Verb.Remap when !step.Overlaps && At(step.Start) is not null:
                    Remap(step);
                    break;
            }
        }

        /// <summary>What has the same identity and place in the file lives on, the oldest of several.</summary>
        private void Map(int start, int length, MappingIdentity identity, ulong fileOffset)
        {
            var like = Enumerable.Range(start, length).Where(page => At(page) is { } owner && owner.Identity == identity
                && (identity.Path is null || owner.FileOffset == fileOffset + ((ulong)(page - start) * Page))).Select(page => At(page)!.Region).ToList();
            var region = like.Count > 0 ? like.Min() : _regions++;
            for (var i = 0; i < length; i++)
                _pages[start + i] = new PageOwner(region, identity, fileOffset + ((ulong)i * Page));
        }

        private void Unmap(int start, int length)
        {
            for (var i = 0; i < length; i++)
                _pages.Remove(start + i);
        }

        private void Remap(Step step)
        {
            var moved = Enumerable.Range(0, step.Length).Select(i => At(step.Start + i)).ToList();
            Unmap(step.Start, step.Length);
            Unmap(step.Other, step.Length);
            for (var i = 0; i < moved.Count;)
            {
                // Neighbours of one region are one mapping, which becomes one new region.
                var first = i++;
                if (moved[first] is not { } owner)
                    continue;
                while (i < moved.Count && moved[i]?.Region == owner.Region && IsNext(moved[i - 1]!, moved[i]!))
                    i++;
                Map(step.Other + first, i - first, owner.Identity, owner.FileOffset);
            }
        }

        private static bool IsNext(PageOwner left, PageOwner right) => left.Identity.Path is null || right.FileOffset == left.FileOffset + Page;
    }
}
