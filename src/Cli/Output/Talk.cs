using System.Text;

namespace Faultrec.Cli.Output;

/// <summary>
/// What a verb says to the person at the terminal, on stderr: the one place that writes there. The terminal may be gone, the file
/// behind it full, the descriptor closed: a write that fails is nobody's failure, and changes nothing.
/// </summary>
internal static class Talk
{
    /// <summary>A line of its own, with our name before it.</summary>
    public static void Say(string line) => Write($"faultrec: {line}\n");

    public static void Write(string text)
    {
        try
        {
            using var stream = Console.OpenStandardError();
            stream.Write(Encoding.UTF8.GetBytes(text));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            // See above.
        }
    }
}
