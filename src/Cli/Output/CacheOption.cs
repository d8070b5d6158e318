using System.CommandLine;

namespace Faultrec.Cli.Output;

/// <summary>--no-cache, of the verbs that read names from ELF files.</summary>
internal static class CacheOption
{
    public static Option<bool> Create() => new("--no-cache") { Description = "Neither use nor keep names and unwind tables of earlier recordings" };
}
