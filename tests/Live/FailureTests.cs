using Faultrec.Traces.Columns;

namespace Faultrec.Live.Tests;

/// <summary>Faults that the kernel could not serve, and faults that it had itself.</summary>
public sealed class FailureTests : LiveTest
{
    [Fact]
    public void FailedFaultsHaveTheirSignalAndAddress()
    {
        const int segvs = 12;

        var (said, rows) = RecordFixture("segv", "32", $"{segvs}");

        Assert.Equal((segvs, 1), ((int)Number(said, "sigsegv"), (int)Number(said, "sigbus")));
        Assert.Equal(
            [.. Enumerable.Repeat((11, Address(said, "sigsegv_address")), segvs), (7, Address(said, "sigbus_address"))],
            rows.All.Where(row => row.Signal is not null).Select(row => (row.Signal!.Value, row.Address)));
        Assert.All(rows.All.Where(row => row.Signal is not null), row => Assert.Equal((FaultAccess.Write, false), (row.Access, row.Major)));
        var report = Running.ToEnd(Checkout.Faultrec, "report", "--format", "json", TracePath);
        Assert.Equal(segvs + 1, (int)Number(Said(report.Output)["totals"]!.AsObject(), "failed"));
    }

    [Fact]
    public void AProgramThatDiesOfItsFaultShowsIt()
    {
        var result = Running.ToEnd(
            InFolder, Checkout.Faultrec, "record", "-o", TracePath, "--", "/usr/bin/python3", "-c",
            "import ctypes, resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\nctypes.string_at(0x1234)");

        Assert.Equal(139, result.Status);
        var rows = Rows.Read(TracePath);
        var last = rows.All.Last(row => row.Signal is not null);
        Assert.Equal((11, 0x1234UL, FaultAccess.Read), (last.Signal!.Value, last.Address, last.Access));
        Assert.Null(last.Region);
        Assert.True(rows.Receipt.Complete);
    }

    [Fact]
    public void TheKernelsOwnTouchesAreToldApart()
    {
        const int pages = 100;

        var (said, rows) = RecordFixture("kernel_touch", $"{pages}");

        var (byKernel, byUser) = (rows.In(Address(said, "kernel_start"), pages), rows.In(Address(said, "user_start"), pages));
        Assert.Equal((pages, pages), (byKernel.Count, byUser.Count));
        Assert.All(byKernel, row => Assert.True(row.KernelAccess));
        Assert.All(byKernel, row => Assert.Equal(FaultAccess.Write, row.Access));
        Assert.DoesNotContain(byUser, row => row.KernelAccess);
    }
}
