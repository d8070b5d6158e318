using System.CommandLine;
using Faultrec.Traces;
using Faultrec.Traces.Output;

namespace Faultrec.Cli.Output;

/// <summary>`-o FILE`, and what becomes of a FILE that is there: one policy for all verbs (docs/record.md, "Files").</summary>
/// <param name="unasked">Where it goes without -o; null: to stdout, or where the verb says.</param>
internal sealed class OutputOptions(string description = "Write to FILE instead of stdout (-)", string? unasked = null)
{
    private readonly Option<string?> _output = new("--output", "-o") { HelpName = "FILE", Description = description };
    private readonly Option<bool> _force = new("--force") { Description = "Overwrite FILE (default: keep the old one as FILE.old)" };
    private readonly Option<bool> _noClobber = new("--no-clobber") { Description = "Refuse to run if FILE exists" };

    public void AddTo(Command command)
    {
        command.Options.Add(_output);
        command.Options.Add(_force);
        command.Options.Add(_noClobber);
    }

    /// <exception cref="FaultrecException">Options that contradict each other.</exception>
    public Destination Parse(ParseResult result) => new(result.GetValue(_output) ?? unasked, (result.GetValue(_force), result.GetValue(_noClobber)) switch
    {
        (true, true) => throw new FaultrecException(ExitCode.Usage, "--force and --no-clobber contradict each other; give one of them"),
        (true, _) => ExistingOutput.Overwrite,
        (_, true) => ExistingOutput.Refuse,
        _ => ExistingOutput.KeepAsOld,
    });
}
