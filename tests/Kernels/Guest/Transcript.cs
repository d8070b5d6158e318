using System.Globalization;
using System.Text;

namespace Faultrec.Kernels.Tests;

/// <summary>What a guest sent, taken apart into the results of its steps. It may end anywhere: guests can die.</summary>
internal sealed class Transcript
{
    private static readonly byte[] Frame = "@@step "u8.ToArray();

    private Transcript(IReadOnlyList<StepResult> steps) => Steps = steps;

    /// <summary>The steps that came whole, in the order in which they ran.</summary>
    public IReadOnlyList<StepResult> Steps { get; }

    public StepResult? Find(string name) => Steps.FirstOrDefault(step => step.Name == name);

    public static Transcript Parse(ReadOnlySpan<byte> sent)
    {
        var steps = new List<StepResult>();
        while (sent.StartsWith(Frame) && sent.IndexOf((byte)'\n') is > 0 and var endOfLine)
        {
            var fields = Encoding.UTF8.GetString(sent[..endOfLine]).Split(' ');
            var (outputBytes, errorBytes) = (Number(fields[3]), Number(fields[4]));
            sent = sent[(endOfLine + 1)..];
            if (sent.Length < outputBytes + errorBytes + 1)
                break;
            var output = Encoding.UTF8.GetString(sent[..outputBytes]);
            var error = Encoding.UTF8.GetString(sent.Slice(outputBytes, errorBytes));
            steps.Add(new StepResult(fields[1], Number(fields[2]), output, error));
            sent = sent[(outputBytes + errorBytes + 1)..];
        }

        return new Transcript(steps);
    }

    private static int Number(string digits) => int.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);
}
