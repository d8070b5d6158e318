using System.Buffers;
using Faultrec.Traces;

namespace Faultrec.Recorder.Doctor;

/// <summary>What may stand for a kernel function: a C name, with the dots of the compiler's variants.</summary>
public static class FunctionName
{
    // Kernel symbols are shorter than KSYM_NAME_LEN (128 before Linux 6.1), with the final NUL.
    private const int MaxLength = 127;
    private static readonly SearchValues<char> Allowed
        = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.$");

    /// <exception cref="FaultrecException">Usage: it cannot be the name of a function.</exception>
    public static void Check(string name)
    {
        if (name.Length == 0)
            throw Wrong("\"\"", "is empty");
        if (name.Length > MaxLength)
            throw Wrong($"\"{name[..32]}…\"", $"has {name.Length} characters");
        if (name.AsSpan().IndexOfAnyExcept(Allowed) is >= 0 and var at)
            throw Wrong($"\"{name}\"", $"has a character at position {at + 1} that cannot be part of a kernel function's name");
    }

    private static FaultrecException Wrong(string name, string found) => new(
        ExitCode.Usage,
        $"doctor {name}: {found}; expected a kernel function's name of 1 to {MaxLength} letters, digits, _ . or $; /proc/kallsyms lists them");
}
