using System.Reflection;

namespace Faultrec.Cli.Output;

internal static class ToolVersion
{
    /// <summary>As `--version` says it, without the commit.</summary>
    public static string Text { get; }
        = typeof(ToolVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];
}
