namespace Faultrec.Traces;

/// <summary>Exit codes of the tool; a contract with scripts (docs/faultrec.md).</summary>
public enum ExitCode
{
    Ok = 0,
    BudgetBroken = 1,
    Usage = 2,
    BadInput = 3,
    NotPermitted = 4,
    Incomplete = 5,
    Bug = 70,
    NotExecutable = 126,
    NotFound = 127,
}

/// <summary>
/// An expected failure: one line that says what was found, what was expected and what to do.
/// Everything else that is thrown is a bug of ours and ends with exit code 70.
/// </summary>
public sealed class FaultrecException : Exception
{
    public FaultrecException(ExitCode exitCode, string message, Exception? inner = null)
        : base(message, inner)
        => ExitCode = exitCode;

    public ExitCode ExitCode { get; }
}
