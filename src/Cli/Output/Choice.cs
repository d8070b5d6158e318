using System.CommandLine;

namespace Faultrec.Cli.Output;

/// <summary>Options whose value is one of a few names.</summary>
internal static class Choice
{
    public static string List<T>((string Name, T Value)[] choices)
        => string.Join(", ", Array.ConvertAll(choices, choice => choice.Name));

    public static Option<T> Option<T>(string name, string helpName, string description, (string Name, T Value)[] choices)
        => TypedOption.Create(name, helpName, description, (option, text) => Parse(option, text, choices));

    private static T Parse<T>(string option, string text, (string Name, T Value)[] choices)
    {
        foreach (var (name, value) in choices)
        {
            if (name == text)
                return value;
        }

        throw TypedOption.Wrong(option, text, $"one of {List(choices)}{Suggestion.For(text, choices.Select(choice => choice.Name))}");
    }
}
