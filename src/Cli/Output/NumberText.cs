using System.Globalization;
using Faultrec.Analyzer.Text;
using Faultrec.Traces;

namespace Faultrec.Cli.Output;

/// <summary>Options whose value is a whole number.</summary>
internal static class NumberText
{
    public static int Parse(string option, string text, int least, int most)
        => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most ? number
            : throw new FaultrecException(ExitCode.Usage, $"{option} {HostileText.Visible(text)}: expected a whole number from {least} to {most}");
}
