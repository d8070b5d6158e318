using Faultrec.Recorder.Doctor;
using Xunit;

namespace Faultrec.Recorder.Tests.Doctor;

/// <summary>The nearest thing that can be traced, given what can.</summary>
public sealed class DoctorSubstituteTests
{
    // A stock 6.1 kernel inlines do_anonymous_page, one of 6.12 does not.
    [Theory]
    [InlineData("handle_pte_fault", "__handle_mm_fault handle_mm_fault", "__handle_mm_fault")]
    [InlineData("handle_pte_fault", "handle_mm_fault", "handle_mm_fault")]
    [InlineData("do_read_fault", "do_fault handle_mm_fault", "do_fault")]
    [InlineData("do_read_fault", "do_anonymous_page handle_mm_fault", "handle_mm_fault")]
    [InlineData("wp_page_copy", "do_wp_page", "do_wp_page")]
    [InlineData("do_huge_pmd_anonymous_page", "__handle_mm_fault", "__handle_mm_fault")]
    public void TheNearestCallerThatCanBeTraced(string wanted, string traceable, string expected)
        => Assert.Equal(expected, Choose(wanted, traceable, events: true)?.Name);

    [Fact]
    public void ItSaysHowTheWantedCallsAreTold()
    {
        var shows = Choose("handle_pte_fault", "handle_mm_fault", events: false)!.Shows;
        Assert.Contains("address", shows, StringComparison.Ordinal);
        Assert.Contains("pgoff = ((address − start) >> 12) + the mapping's page offset", shows, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("exc_page_fault")]
    [InlineData("do_user_addr_fault")]
    [InlineData("asm_exc_page_fault")]
    public void AtTheEntryTheTracepointsAreNearest(string wanted)
    {
        Assert.Equal(["tracepoint", "software event"], Choose(wanted, "handle_mm_fault", events: true)!.By);
        Assert.Equal("handle_mm_fault", Choose(wanted, "handle_mm_fault", events: false)!.Name);
    }

    [Fact]
    public void WhereNoFunctionCanBeTracedTheEventsRemain()
    {
        Assert.StartsWith("tracepoints exceptions:page_fault_user", Choose("do_swap_page", "", events: true)!.Name);
        Assert.StartsWith("tracepoints exceptions:page_fault_user", Choose("handle_mm_fault", "", events: true)!.Name);
        Assert.Null(Choose("do_swap_page", "", events: false));
        Assert.Null(Choose("exc_page_fault", "", events: false));
    }

    [Fact]
    public void OutsideThePathTheCallerIsNotGuessed()
    {
        var facts = DoctorReasonTests.Missing("vfs_raed") with { Similar = ["vfs_read", "vcs_read"] };
        var here = new Here(["vfs_read", "handle_mm_fault"], Events: true);
        Assert.Null(Substitutes.Choose(facts, here));
        Assert.Equal(["vfs_read"], Substitutes.Suggestions(facts, here));
    }

    [Fact]
    public void ACopyUnderAnotherNameIsNearestOfAll()
    {
        var facts = DoctorReasonTests.Missing("do_fault", "do_fault.cold", "do_fault.isra.0", "do_fault.isra.0.cold", "do_fault.part.0");
        Assert.Equal("do_fault.isra.0", Substitutes.Choose(facts, new Here(["do_fault.cold", "do_fault.isra.0", "handle_mm_fault"], true))!.Name);
        Assert.Equal("handle_mm_fault", Substitutes.Choose(facts, new Here(["do_fault.cold", "do_fault.part.0", "handle_mm_fault"], true))!.Name);
    }

    [Fact]
    public void WhatWasNotTriedIsNotCalledTried()
        => Assert.False(Substitutes.Choose(DoctorReasonTests.Missing("do_fault"), new Here(["handle_mm_fault"], true) { Tries = false })!.Tried);

    public static TheoryData<string> FaultPathNames => [.. FaultPath.Names];

    [Theory]
    [MemberData(nameof(FaultPathNames))]
    public void EveryFunctionOfThePathLeadsToItsCentre(string name)
    {
        var way = FaultPath.Towards(FaultPath.Find(name)!).Select(function => function.Name).Prepend(name).ToList();
        Assert.Equal(FaultPath.Centre, way[^1]);
        Assert.Equal(way.Distinct(), way);
        Assert.All(way, each => Assert.NotEmpty(FaultPath.Gives(each)));
    }

    private static Substitute? Choose(string wanted, string traceable, bool events)
        => Substitutes.Choose(DoctorReasonTests.Missing(wanted), new Here(traceable.Split(' '), events));

    private sealed record Here(string[] Traceable, bool Events) : ITraceable
    {
        public bool Tries { get; init; } = true;

        public bool FaultCounters => Events;

        public IReadOnlyList<string> Function(string name) => Traceable.Contains(name) ? ["fentry"] : [];

        public bool Tracepoint(string name) => Events;
    }
}
