using System.Globalization;

namespace Faultrec.Fuzz;

/// <param name="First">Number of the first input.</param>
/// <param name="Count">How many.</param>
/// <param name="AsProcesses">Each input goes to the executable's verbs, else to readers, decoders and parsers in this process.</param>
/// <param name="Kind">Only inputs of this kind; null: of all.</param>
/// <param name="Keep">Folder for inputs that failed.</param>
/// <param name="Limit">End after so long; null: after <paramref name="Count"/> inputs.</param>
internal sealed record FuzzOptions(int Seed, long First, long Count, bool AsProcesses, string? Kind, string Keep, TimeSpan? Limit, string Executable)
{
    public const string Usage = """
        usage: Faultrec.Fuzz.Tests fuzz [--seed N] [--first N] [--count N] [--only N] [--seconds N] [--processes] [--kind KIND] [--keep DIR] [--executable FILE]
          Mutates traces, spools, plans, budgets, perf's texts, systing's files and ELF files, with their checksums made right again, and
          gives them to readers, decoders and parsers in this process, or with --processes to every verb. Exit 1: an exception, an exit
          code outside the table, more than 10 s or more than 1 GB. A failure is told with what makes it again, and its input is kept.
        """;

    public static FuzzOptions? Parse(string[] words)
    {
        var options = new FuzzOptions(1, 0, 10_000, false, null, Path.Combine(Path.GetTempPath(), "faultrec-fuzz"), null, "");
        for (var i = 0; i < words.Length; i++)
        {
            var value = i + 1 < words.Length ? words[i + 1] : "";
            var isNumber = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
            var next = words[i] switch
            {
                "--processes" => options with { AsProcesses = true },
                "--seed" when isNumber => options with { Seed = (int)number },
                "--first" when isNumber => options with { First = number },
                "--count" when isNumber => options with { Count = number },
                "--only" when isNumber => options with { First = number, Count = 1 },
                "--seconds" when isNumber => options with { Limit = TimeSpan.FromSeconds(number), Count = long.MaxValue / 2 },
                "--kind" when value.Length > 0 => options with { Kind = value },
                "--keep" when value.Length > 0 => options with { Keep = value },
                "--executable" when value.Length > 0 => options with { Executable = value },
                _ => null,
            };
            if (next is null)
                return null;
            options = next;
            i += words[i] == "--processes" ? 0 : 1;
        }

        return options.Executable.Length > 0 || !options.AsProcesses ? options : options with { Executable = Testing.Checkout.Faultrec };
    }
}
