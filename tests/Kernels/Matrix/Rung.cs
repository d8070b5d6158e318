namespace Faultrec.Kernels.Tests;

/// <summary>Which faults that ended in a signal a rung has rows for.</summary>
internal enum FailedFaults
{
    /// <summary>Only served faults are seen.</summary>
    None,

    /// <summary>Those that handle_mm_fault itself refused (SIGBUS), not those refused before it (SIGSEGV).</summary>
    RefusedByHandler,

    All,
}

/// <summary>A backend of the ladder, and what its rows must be equal to.</summary>
/// <param name="Name">As --backend has it.</param>
/// <param name="SeesGetUserPages">Its rows are what getrusage counts; otherwise what perf's software events count.</param>
/// <param name="HasExecCount">The receipt tells how much of getrusage's count is exec's own.</param>
internal sealed record Rung(string Name, bool SeesGetUserPages, FailedFaults Failed, bool HasExecCount)
{
    public static readonly Rung Fexit = new("fexit", SeesGetUserPages: true, FailedFaults.RefusedByHandler, HasExecCount: true);
    public static readonly Rung Kprobe = new("kprobe", SeesGetUserPages: true, FailedFaults.RefusedByHandler, HasExecCount: true);
    public static readonly Rung Tracepoint = new("tracepoint", SeesGetUserPages: false, FailedFaults.All, HasExecCount: true);
    public static readonly Rung Perf = new("perf", SeesGetUserPages: false, FailedFaults.None, HasExecCount: false);

    public override string ToString() => Name;
}
