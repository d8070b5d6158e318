using System.CommandLine;
using Faultrec.Analyzer.Text;
using Faultrec.Cli.Output;
using Faultrec.Traces;

namespace Faultrec.Cli.Verbs;

/// <summary>`faultrec help [VERB]`: the same as `faultrec VERB --help`.</summary>
internal static class HelpVerb
{
    /// <param name="root">The command that it helps with; it has all other verbs.</param>
    public static Command Create(RootCommand root)
    {
        var verb = new Argument<string?>("VERB") { Description = "A verb, such as record", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("help", "Show how a verb is used") { verb };
        command.SetAction(result =>
        {
            var name = result.GetValue(verb);
            if (name is not null && root.Subcommands.All(known => known.Name != name))
                throw new FaultrecException(ExitCode.Usage, $"{Escape.Visible(name)}: no such verb{Suggestion.For(name, Verbs(root))}");
            return root.Parse(name is null ? ["--help"] : [name, "--help"]).Invoke(result.InvocationConfiguration);
        });
        return command;
    }

    public static IEnumerable<string> Verbs(RootCommand root) => root.Subcommands.Select(command => command.Name);
}
