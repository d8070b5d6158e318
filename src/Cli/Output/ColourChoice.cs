namespace Faultrec.Cli.Output;

/// <summary>`--color`.</summary>
internal enum ColourChoice
{
    /// <summary>On a terminal, unless NO_COLOR (no-color.org) or a dumb terminal says no.</summary>
    Auto,

    /// <summary>Also into files and pipes.</summary>
    Always,

    Never,
}
