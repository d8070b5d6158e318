using System.Text;

namespace Faultrec.Cli.Output;

/// <summary>Text for a terminal whose character set has only ASCII: one character for each, so that columns stay.</summary>
internal sealed class AsciiWriter(TextWriter output) : TextWriter
{
    private const string Known = "▁▂▃▄▅▆▇█·…µ×±→≥≤";
    private const string Shown = "_.:-=+*#-~ux+>><";

    public override Encoding Encoding => Encoding.ASCII;

    /// <summary>What setlocale(3) would choose has no other characters than ASCII: by LC_ALL, else LC_CTYPE, else LANG.</summary>
    public static bool IsNeeded
    {
        get
        {
            // Other systems' terminals do not go by these variables.
            if (!OperatingSystem.IsLinux())
                return false;
            var locale = new[] { "LC_ALL", "LC_CTYPE", "LANG" }.Select(Environment.GetEnvironmentVariable)
                .FirstOrDefault(value => !string.IsNullOrEmpty(value));
            return locale?.Replace("-", "", StringComparison.Ordinal).Contains("UTF8", StringComparison.OrdinalIgnoreCase) != true;
        }
    }

    public override void Write(char value)
    {
        if (char.IsAscii(value))
            output.Write(value);
        else
            output.Write(Known.IndexOf(value) is >= 0 and var index ? Shown[index] : '?');
    }

    public override void Flush() => output.Flush();
}
