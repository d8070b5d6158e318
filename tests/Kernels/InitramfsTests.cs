namespace Faultrec.Kernels.Tests;

/// <summary>What a guest starts from.</summary>
[Trait("Boots", "kernels")]
public sealed class InitramfsTests
{
    [Fact]
    public void AGuestHasTheProgramsTheirLibrariesAndTheScript()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["script"], "echo hello from the script\n");

        VirtualMachine.MakeInitramfs(Guests.Kernel(Plan.Kernels[0]), folder["script"], folder["initramfs"]);

        var files = Cpio(folder, "--list").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        string[] programs = ["bin/busybox", "bin/faultrec", .. Workload.All.Select(workload => $"bin/{workload.Name}")];
        var libraries = Running.ToEnd("ldd", Checkout.Faultrec).Output.Split([' ', '\t', '\n']).Where(word => word.StartsWith('/')).ToList();
        Assert.NotEmpty(libraries);
        Assert.Empty(programs.Concat(libraries.Select(path => path[1..])).Append("lib/modules/brd.ko").Except(files));
        Assert.Equal("echo hello from the script\n", Cpio(folder, "--extract --to-stdout script"));
    }

    private static string Cpio(TempFolder folder, string options)
        => Running.ToEnd("sh", "-c", $"cpio --quiet {options} <{folder["initramfs"]}").Output;
}
