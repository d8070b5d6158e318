using System.Globalization;

namespace Faultrec.Kernels.Tests;

/// <summary>One thing that a guest does.</summary>
/// <param name="Name">By which its result is found again; no white space.</param>
/// <param name="Command">For sh, any number of lines.</param>
internal sealed record GuestStep(string Name, string Command);

/// <param name="Status">Exit code, or 128 + signal.</param>
internal sealed record StepResult(string Name, int Status, string Output, string Error);

/// <summary>What a guest runs: all steps, one after the other, each result framed on stdout for <see cref="Transcript"/>.</summary>
internal static class GuestScript
{
    /// <summary>A step that hangs costs this many seconds, and the others still run.</summary>
    public const int StepLimitSeconds = 180;

    private const string EndOfCommand = "@@end-of-command";

    // The frame gives both lengths in bytes, so that no output can be taken for a frame.
    private const string Prelude = """
        step() {
            cat >"$folder/command"
            timeout LIMIT sh "$folder/command" </dev/null >"$folder/output" 2>"$folder/error"
            printf '@@step %s %s %s %s\n' "$1" $? $(wc -c <"$folder/output") $(wc -c <"$folder/error")
            cat "$folder/output" "$folder/error"
            echo
        }
        folder=$(mktemp -d)
        mkdir "$folder/work"
        cd "$folder/work"

        """;

    public static string Of(IEnumerable<GuestStep> steps)
    {
        var commands = steps.Select(step => $"step {step.Name} <<'{EndOfCommand}'\n{step.Command}\n{EndOfCommand}\n");
        return Prelude.Replace("LIMIT", StepLimitSeconds.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
            + string.Concat(commands) + "cd /\nrm -rf \"$folder\"\n";
    }
}
