using Faultrec.Recorder.Kernel;
using Faultrec.Traces.Metadata;

namespace Faultrec.Recorder.Finalize;

/// <summary>The kernel's part of a stack: how a system call came to touch the page.</summary>
/// <param name="isThisBoot">The addresses are those of the running kernel: they differ from boot to boot.</param>
/// <param name="readAhead">Its functions, if they have been read before.</param>
internal sealed class KernelFrames(bool isThisBoot, Task<KernelFunctions>? readAhead)
{
    public const string Module = "[kernel]";

    // From the probes outwards to the access: the exception (arch/x86/mm/fault.c), or the caller that needs none.
    private static readonly HashSet<string> WayOfAFault =
        ["handle_mm_fault", "do_user_addr_fault", "exc_page_fault", "asm_exc_page_fault", "do_kern_addr_fault"];

    private KernelFunctions? _functions;

    public static bool IsKernel(ulong ip) => ip >> 63 != 0;

    /// <param name="address">A return address, so it may lie just after the function that it returns to.</param>
    public StackFrame FrameAt(ulong address, int module)
        => new() { Kind = "kernel", Function = NameOf(address), Module = module, Address = address };

    /// <returns>Where the frames begin that are neither our program's nor the fault's own.</returns>
    public int FirstOf(ReadOnlySpan<ulong> ips)
    {
        var first = 0;
        for (var i = 0; i < ips.Length && IsKernel(ips[i]); i++)
        {
            var isOnTheWay = NameOf(ips[i]) is { } name && WayOfAFault.Contains(name);
            if (isOnTheWay)
                first = i + 1;
            else if (first > 0)
                break;
        }

        return first;
    }

    private string? NameOf(ulong address)
        => isThisBoot ? (_functions ??= Functions()).Find(address - 1) : null;

    private KernelFunctions Functions() => readAhead?.Result is { } known && known.HasSameModules() ? known : KernelFunctions.Read();
}
