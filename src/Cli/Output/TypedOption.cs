using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Faultrec.Analyzer.Text;
using Faultrec.Traces;

namespace Faultrec.Cli.Output;

/// <summary>Options whose value has a type of its own. What does not parse is an error of the command line, in one line (<see cref="Program"/>).</summary>
internal static class TypedOption
{
    /// <param name="parse">Of the option's name and the text; a <see cref="FaultrecException"/> says what was found and what is expected.</param>
    /// <typeparam name="T">Its default is what an option that is not given has. No bool, which System.CommandLine takes for a flag.</typeparam>
    public static Option<T> Create<T>(string name, string helpName, string description, Func<string, string, T> parse) => new(name)
    {
        HelpName = helpName,
        Description = description,
        Arity = ArgumentArity.ExactlyOne,
        CustomParser = result => Parse(result, () => parse(name, result.Tokens[0].Value)),
    };

    public static Option<T[]> Repeatable<T>(string name, string helpName, string description, Func<string, string, T> parse) => new(name)
    {
        HelpName = helpName,
        Description = $"{description}; repeatable",
        Arity = ArgumentArity.OneOrMore,
        CustomParser = result => Parse(result, () => result.Tokens.Select(token => parse(name, token.Value)).ToArray()),
    };

    public static Option<string[]> Repeatable(string name, string helpName, string description) => Repeatable(name, helpName, description, (_, text) => text);

    public static Option<int?> Number(string name, string helpName, string description, int least, int most, string? expected = null)
        => Create<int?>(name, helpName, description,
            (option, text) => (int)ParseNumber(option, text, least, most, expected ?? $"a whole number from {least} to {most}"));

    /// <summary>A length of time, ns.</summary>
    /// <param name="leastNs">What is shorter is refused.</param>
    public static Option<long?> Time(string name, string description, long leastNs = 0, string? expected = null)
        => Create<long?>(name, "TIME", description,
            (option, text) => DurationText.TryParse(text, out var ns) && ns >= leastNs ? ns : throw Wrong(option, text, expected ?? DurationText.Expected));

    public static Option<long?> Size(string name, string description)
        => Create<long?>(name, "SIZE", description, (option, text) => ParseSize(option, text));

    /// <summary>Bytes, at least one.</summary>
    public static long ParseSize(string option, string text)
        => SizeText.TryParse(text, out var bytes, out _) && bytes > 0 ? bytes : throw Wrong(option, text, "a size such as 500MiB or 1GiB");

    public static long ParseNumber(string option, string text, long least, long most, string expected)
        => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw Wrong(option, text, expected);

    public static FaultrecException Wrong(string option, string found, string expected)
        => new(ExitCode.Usage, $"{option} {Escape.Visible(found)}: expected {expected}");

    private static T? Parse<T>(ArgumentResult result, Func<T> parse)
    {
        try
        {
            return parse();
        }
        catch (FaultrecException exception)
        {
            result.AddError(exception.Message);
            return default;
        }
    }
}
