using System.Diagnostics;
using System.Globalization;

namespace Faultrec.Kernels.Tests;

/// <summary>A kernel that scripts/fetch-kernels.sh has put into the cache.</summary>
/// <param name="Name">6.1, 6.12…</param>
/// <param name="Version">Of Debian's package.</param>
internal sealed record CachedKernel(string Name, string Version, string Folder);

/// <summary>A guest that has run its script to the end, or died before.</summary>
/// <param name="Console">The kernel's messages.</param>
/// <param name="Status">Exit status of the script; null: it did not come to its end.</param>
internal sealed record GuestRun(CachedKernel Kernel, Transcript Transcript, string Console, int? Status)
{
    private const int ConsoleTailLines = 30;

    /// <exception cref="InvalidOperationException">The guest did not get that far.</exception>
    public StepResult this[string step]
        => Transcript.Find(step) ?? throw new InvalidOperationException(
            $"the guest with Linux {Kernel.Version} died before or in step '{step}'; the last of its console:\n{ConsoleTail}");

    private string ConsoleTail => string.Join('\n', Console.Split('\n').TakeLast(ConsoleTailLines));
}

/// <summary>One boot: the scripts of scripts/ make the guest's file system and start QEMU.</summary>
internal sealed class VirtualMachine : IDisposable
{
    private const int LimitSeconds = 1700;

    private readonly TempFolder _folder = new();
    private readonly CachedKernel _kernel;
    private readonly Process _process;
    private readonly MemoryStream _sent = new();

    private VirtualMachine(CachedKernel kernel, string script)
    {
        _kernel = kernel;
        File.WriteAllText(_folder["script"], script);
        MakeInitramfs(kernel, _folder["script"], _folder["initramfs"]);
        var start = new ProcessStartInfo(Path.Combine(Checkout.Root, "scripts/vm-boot.sh"), [kernel.Folder, _folder.Path])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        // QEMU ends by itself should these tests be killed.
        start.Environment["VM_TIMEOUT_SECONDS"] = $"{LimitSeconds}";
        _process = Process.Start(start)!;
        _process.StandardInput.Close();
    }

    public static VirtualMachine Start(CachedKernel kernel, IEnumerable<GuestStep> steps) => new(kernel, GuestScript.Of(steps));

    public static void MakeInitramfs(CachedKernel kernel, string script, string initramfs)
    {
        var made = Running.ToEnd(Path.Combine(Checkout.Root, "scripts/vm-initramfs.sh"), kernel.Folder, script, initramfs);
        if (made.Status != 0)
            throw new InvalidOperationException(made.Error);
    }

    /// <summary>Comes back when the guest has powered off, panicked or used up its time.</summary>
    public GuestRun Wait()
    {
        _process.StandardOutput.BaseStream.CopyTo(_sent);
        _process.WaitForExit();
        var status = Read("status").Trim();
        return new GuestRun(
            _kernel, Transcript.Parse(_sent.GetBuffer().AsSpan(0, (int)_sent.Length)), Read("console"),
            status.Length == 0 ? null : int.Parse(status, CultureInfo.InvariantCulture));
    }

    // QEMU makes these when it starts, so they are missing when it could not.
    private string Read(string name) => File.Exists(_folder[name]) ? File.ReadAllText(_folder[name]) : "";

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.WaitForExit();
        _process.Dispose();
        _folder.Dispose();
    }
}
