namespace Faultrec.Kernels.Tests;

/// <summary>A backend of the ladder, and what its rows must be equal to.</summary>
/// <param name="Name">As --backend has it.</param>
/// <param name="SeesGetUserPages">Its rows are what getrusage counts; otherwise what perf's software events count.</param>
/// <param name="SeesFailed">Faults that ended in a signal are rows.</param>
/// <param name="HasExecCount">The receipt tells how much of getrusage's count is exec's own.</param>
internal sealed record Rung(string Name, bool SeesGetUserPages, bool SeesFailed, bool HasExecCount)
{
    public static readonly Rung Fexit = new("fexit", SeesGetUserPages: true, SeesFailed: true, HasExecCount: true);
    public static readonly Rung Kprobe = new("kprobe", SeesGetUserPages: true, SeesFailed: true, HasExecCount: true);
    public static readonly Rung Tracepoint = new("tracepoint", SeesGetUserPages: false, SeesFailed: true, HasExecCount: true);
    public static readonly Rung Perf = new("perf", SeesGetUserPages: false, SeesFailed: false, HasExecCount: false);

    public override string ToString() => Name;
}
