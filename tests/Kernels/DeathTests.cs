namespace Faultrec.Kernels.Tests;

/// <summary>A death that only a machine of its own may have.</summary>
[Trait("Boots", "kernels")]
public sealed class DeathTests(Guests guests)
{
    /// <summary>Debian's 6.1 for virtual machines cannot declare memory broken (CONFIG_MEMORY_FAILURE).</summary>
    private const string Kernel = "6.12";

    [Fact]
    public void ATouchOfBrokenMemoryIsToldFromAFilesEnd()
        => Assert.Matches(
            @"deaths \(pid \d+\) died of SIGBUS: parse_index \(deaths\.c:\d+\) touched 0x[0-9a-f]+ in /dev/zero \(deleted\), "
                + @"whose memory has a hardware error\.",
            guests.Of(Kernel)[Plan.Poisoned].Output);
}
