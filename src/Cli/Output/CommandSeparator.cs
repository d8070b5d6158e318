using System.CommandLine;

namespace Faultrec.Cli.Output;

/// <summary>Where our options end and other words begin.</summary>
internal static class CommandSeparator
{
    private const string Separator = "--";

    /// <summary>
    /// `faultrec record python3 -o x` means what `time python3 -o x` would: from the first word that is not one of our options on,
    /// everything is the recorded command's. This puts the `--` there that says so; words that stand before a command (the plan of
    /// `prefault`) stay before it.
    /// </summary>
    public static string[] Insert(RootCommand root, string[] args)
    {
        var verb = VerbOf(root, args);
        var before = verb?.Arguments.ToList().FindIndex(argument => argument.Name == TargetOptions.CommandArgument) ?? -1;
        if (verb is null || before < 0)
            return args;
        for (var i = 1; i < args.Length && args[i] != Separator; i++)
        {
            if (!args[i].StartsWith('-') && before-- == 0)
                return [.. args[..i], Separator, .. args[i..]];
            if (TakesNextWord(Find(root, verb, args[i]), args[i]))
                i++;
        }

        return args;
    }

    /// <summary>A word before `--` that looks like an option but is none: a mistyped one, which the parser would take for a file.</summary>
    public static string? FindUnknownOption(RootCommand root, string[] args)
    {
        if (VerbOf(root, args) is not { } verb)
            return null;
        for (var i = 1; i < args.Length && args[i] != Separator; i++)
        {
            if (args[i] is not ['-', _, ..])
                continue;
            var option = Find(root, verb, args[i]);
            if (option is null)
                return args[i];
            if (TakesNextWord(option, args[i]))
                i++;
        }

        return null;
    }

    private static Command? VerbOf(RootCommand root, string[] args)
        => args.Length == 0 ? null : root.Subcommands.FirstOrDefault(command => command.Name == args[0]);

    // --option, --option=value, --option:value, -o, -oVALUE
    private static Option? Find(RootCommand root, Command verb, string word)
    {
        var name = word.Split('=', ':')[0];
        return verb.Options.Concat(root.Options.Where(option => option.Recursive)).FirstOrDefault(option =>
            option.Name == name || option.Aliases.Contains(name)
            || option.Arity.MinimumNumberOfValues > 0 && option.Aliases.Any(alias => alias.Length == 2 && word.StartsWith(alias, StringComparison.Ordinal)));
    }

    private static bool TakesNextWord(Option? option, string word)
        => option is { Arity.MinimumNumberOfValues: > 0 } && (option.Name == word || option.Aliases.Contains(word));
}
