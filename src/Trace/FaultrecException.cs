namespace Faultrec.Traces;

/// <summary>Exit codes of the tool; a contract with scripts (README.md, "More").</summary>
public enum ExitCode
{
    /// <summary>Success.</summary>
    Ok = 0,

    /// <summary>A recording broke a budget (`assert`).</summary>
    BudgetBroken = 1,

    /// <summary>The command line is wrong.</summary>
    Usage = 2,

    /// <summary>An input file is missing, damaged, of a newer version, or of another kind.</summary>
    BadInput = 3,

    /// <summary>The system does not permit or support it, or the output cannot be written.</summary>
    NotPermitted = 4,

    /// <summary>Something was lost, and `--strict` was given.</summary>
    Incomplete = 5,

    /// <summary>A bug in faultrec.</summary>
    Bug = 70,

    /// <summary>The command to run exists and cannot be executed.</summary>
    NotExecutable = 126,

    /// <summary>The command to run was not found.</summary>
    NotFound = 127,
}

/// <summary>
/// An expected failure: one line that says what was found, what was expected and what to do.
/// Any other exception is a bug in faultrec and ends with exit code 70.
/// </summary>
public sealed class FaultrecException : Exception
{
    /// <summary>Makes a failure with the line that the user sees.</summary>
    public FaultrecException(ExitCode exitCode, string message, Exception? inner = null)
        : base(message, inner)
        => ExitCode = exitCode;

    /// <summary>The exit code with which the tool ends.</summary>
    public ExitCode ExitCode { get; }
}
