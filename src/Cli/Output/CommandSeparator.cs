using System.CommandLine;

namespace Faultrec.Cli.Output;

/// <summary>
/// `faultrec record python3 -o x` means what `time python3 -o x` would: from the first word that is not one of our options on,
/// everything is the recorded command's. This puts the `--` there that says so.
/// </summary>
internal static class CommandSeparator
{
    public static string[] Insert(RootCommand root, string[] args)
    {
        var verb = root.Subcommands.FirstOrDefault(command => args.Length > 0 && command.Name == args[0]);
        if (verb is null || !verb.Arguments.Any(argument => argument.Name == RecordVerb.CommandArgument))
            return args;
        for (var i = 1; i < args.Length; i++)
        {
            if (args[i] == "--")
                return args;
            if (!args[i].StartsWith('-'))
                return [.. args[..i], "--", .. args[i..]];
            var option = verb.Options.FirstOrDefault(candidate => candidate.Name == args[i] || candidate.Aliases.Contains(args[i]));
            if (option is { Arity.MinimumNumberOfValues: > 0 })
                i++;
        }
        return args;
    }
}
