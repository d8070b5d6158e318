using Faultrec.Recorder.Kernel;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Recorder.Tests.Capture;

public sealed class KernelMemoryTests
{
    /// <summary>As /proc/zoneinfo of a machine with two nodes says it: zones of one node touch, an empty zone has no place.</summary>
    [Fact]
    public void NodesAreTheZonesThatTouch()
    {
        const string zoneinfo = """
            Node 0, zone      DMA
              per-node stats
                  nr_inactive_anon 1
              pages free     2816
                    spanned  4095
                    present  3998
              start_pfn:           1
            Node 0, zone    DMA32
                    spanned  1044480
              start_pfn:           4096
            Node 0, zone  Movable
                    spanned  0
            Node 1, zone   Normal
                    spanned  1000
              start_pfn:           2097152
            """;

        Assert.Equal(
            [new NumaRange(0, 1, 1048576), new NumaRange(1, 2097152, 2098152)],
            KernelMemory.ReadNodes(zoneinfo.Split('\n')));
    }

    [Fact]
    public void SwapAreasAreReadFromTheirTable()
        => Assert.Equal(
            [new SwapArea("/dev/zram0", 262140), new SwapArea("/swap\\040file", 1024)],
            KernelMemory.ReadSwaps([
                "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority", "/dev/zram0                              partition\t262140\t\t0\t\t-2",
                "/swap\\040file                           file\t\t1024\t\t0\t\t-3"]));

    [Fact]
    public void CpusOfANodeAreAListOfRanges()
    {
        Assert.Equal([new NumaCpus(1, 0, 4), new NumaCpus(1, 8, 9)], KernelMemory.ReadCpus(1, "0-3,8\n"));
        Assert.Empty(KernelMemory.ReadCpus(2, "\n"));
    }

    [Fact]
    public void OfThisMachineTheyHoldItsMemory()
    {
        var spanned = KernelMemory.NumaNodes.Sum(range => range.EndPfn - range.FirstPfn);
        var totalKib = long.Parse(File.ReadLines("/proc/meminfo").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);

        Assert.True(spanned * 4 >= totalKib, $"zones span {spanned * 4} KiB, MemTotal is {totalKib} KiB");
    }
}
