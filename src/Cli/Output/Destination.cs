using Faultrec.Traces.Output;

namespace Faultrec.Cli.Output;

/// <summary>Where a verb's output goes.</summary>
/// <param name="Path">Null or "-": stdout.</param>
/// <param name="Existing">What becomes of a file that is there.</param>
/// <param name="Colour">Whether text has attributes for terminals.</param>
internal readonly record struct Destination(string? Path, ExistingOutput Existing = ExistingOutput.KeepAsOld, ColourChoice Colour = ColourChoice.Auto)
{
    public static Destination Stdout => default;
}
