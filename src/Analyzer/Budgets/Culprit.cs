using Faultrec.Analyzer.Text;

namespace Faultrec.Analyzer.Budgets;

/// <summary>The line of code with most of the memory that a budget limits.</summary>
/// <param name="Pid">The process with most; null: the memory is that of all processes.</param>
/// <param name="Comm">Its name; null also where not known.</param>
internal sealed record Culprit(string Code, long Bytes, int? Pid, string? Comm)
{
    /// <summary>"233.0 MiB by render (leak.py:5) in python3".</summary>
    public override string ToString() => $"{Units.Bytes(Bytes)} by {Code}{(Comm is null ? "" : $" in {Comm}")}";
}
