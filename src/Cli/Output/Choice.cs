using Faultrec.Analyzer.Text;
using Faultrec.Traces;

namespace Faultrec.Cli.Output;

/// <summary>Options whose value is one of a few names.</summary>
internal static class Choice
{
    public static string List<T>((string Name, T Value)[] choices)
        => string.Join(", ", Array.ConvertAll(choices, choice => choice.Name));

    public static T Parse<T>(string option, string text, (string Name, T Value)[] choices)
    {
        foreach (var (name, value) in choices)
        {
            if (name == text)
                return value;
        }

        throw new FaultrecException(ExitCode.Usage, $"{option} {HostileText.Visible(text)}: expected one of {List(choices)}");
    }
}
