using Faultrec.Traces.Output;

namespace Faultrec.Cli.Output;

/// <summary>Where a verb's output goes.</summary>
/// <param name="Path">Null or "-": stdout.</param>
/// <param name="Existing">What becomes of a file that is there.</param>
internal readonly record struct Destination(string? Path, ExistingOutput Existing = ExistingOutput.KeepAsOld)
{
    public static Destination Stdout => default;
}
