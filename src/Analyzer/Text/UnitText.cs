using System.Globalization;

namespace Faultrec.Analyzer.Text;

/// <summary>A decimal number and a unit, if there is one, as the command line takes them.</summary>
internal static class UnitText
{
    /// <returns>False if it does not begin with a number.</returns>
    public static bool TrySplit(string text, out decimal number, out string unit)
    {
        var digits = text.AsSpan().IndexOfAnyExcept("0123456789.") is >= 0 and var end ? end : text.Length;
        (number, unit) = (0, text[digits..]);
        return digits > 0 && decimal.TryParse(text.AsSpan(0, digits), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number);
    }
}
