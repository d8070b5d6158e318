using System.Text;
using Faultrec.Traces;

namespace Faultrec.Cli.Output;

/// <summary>The summary of a job on GitHub Actions: Markdown that every step may append to.</summary>
internal static class StepSummary
{
    private const string Variable = "GITHUB_STEP_SUMMARY";

    /// <summary>Does nothing where there is no such file, as on other machines.</summary>
    public static void Append(Action<TextWriter> write)
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } path)
            return;
        try
        {
            using var writer = new StreamWriter(path, append: true, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
            write(writer);
            writer.Write('\n');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new FaultrecException(ExitCode.NotPermitted, $"{path}: cannot be written; expected the file of {Variable}, or the variable unset", e);
        }
    }
}
