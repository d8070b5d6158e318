using Faultrec.Analyzer.Report;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Render;

/// <summary>How the lines of <see cref="ReceiptText"/> look.</summary>
internal static class ReceiptStyle
{
    /// <summary>All of an incomplete one is an alarm; of a complete one, its verdict is good.</summary>
    public static Func<string, string> Of(Receipt receipt, TextStyle style)
    {
        var verdict = ReceiptText.Verdict(receipt);
        return !ReceiptText.IsComplete(receipt) ? style.Alarm
            : line => ReceiptText.IsPlain(receipt) && line.StartsWith(verdict + ":", StringComparison.Ordinal) ? style.Good(verdict) + line[verdict.Length..]
            : line;
    }
}
